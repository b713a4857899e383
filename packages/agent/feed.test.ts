import type { Change, Desired, FeedAnswer } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf, emptyFeed, type Feed, take } from "./feed.ts";

const item = (id: string, generation: number): Desired => ({
  id,
  generation,
  team: "t",
  project: "p",
  deployment: "d",
  spec: "",
  env: "",
  isWarm: true,
});
const snapshot = (cursor: number, items: Desired[], buried: string[] = []): FeedAnswer => ({
  kind: "snapshot",
  cursor,
  digest: digestOf(items),
  items,
  tombstones: buried.map((id) => ({ id, generation: cursor })),
});
const known = (...ids: string[]): Feed => ({
  cursor: 10,
  items: new Map(ids.map((id, at) => [id, item(id, at + 1)])),
  kept: new Map(),
});

/** What the other side does, one change a time: `true` puts, `false` buries. */
const histories = fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.boolean()), { maxLength: 40 });

function historyOf(told: [string, boolean][]) {
  const items = new Map<string, Desired>();
  const digests: string[] = [digestOf([])];
  const changes = told.map(([id, isPut], at): Change => {
    const cursor = at + 1;
    if (isPut) items.set(id, item(id, cursor));
    else items.delete(id);
    digests.push(digestOf(items.values()));
    return isPut ? { cursor, type: "put", item: item(id, cursor) } : { cursor, type: "tombstone", id };
  });
  return { items, changes, digests };
}

test("however its changes are cut and repeated, the agent ends with what is desired, and with the same digest", () => {
  const cuts = fc.array(fc.tuple(fc.nat(5), fc.nat(3)), { maxLength: 60 });
  fc.assert(
    fc.property(histories, cuts, (told, parts) => {
      const { items, changes, digests } = historyOf(told);
      let feed = emptyFeed;
      const hear = (from: number, to: number) => {
        const part = changes.slice(from, to);
        const answer = { kind: "changes", cursor: to, digest: digests[to] ?? "", changes: part } as const;
        const taken = take(feed, answer);
        if (!taken.ok) throw new Error(taken.detail);
        expect(taken.isDiverged).toBe(false);
        feed = taken.feed;
      };
      for (const [ahead, back] of parts) {
        const from = Math.max(0, feed.cursor - back);
        hear(from, Math.max(feed.cursor, Math.min(changes.length, from + ahead)));
      }
      hear(feed.cursor, changes.length);
      expect(new Map(feed.items)).toEqual(items);
      expect(feed.cursor).toBe(changes.length);
    }),
  );
});

test("nothing is ended without a tombstone, whatever snapshots come", () => {
  const ids = fc.subarray(["a", "b", "c", "d", "e"]);
  fc.assert(
    fc.property(fc.array(fc.tuple(ids, ids), { maxLength: 10 }), (snapshots) => {
      let feed = known("a", "b", "c", "d", "e");
      let cursor = 10;
      for (const [named, buried] of snapshots) {
        cursor += 1;
        const ended = buried.filter((id) => !named.includes(id));
        const before = new Set([...feed.items.keys(), ...feed.kept.keys()]);
        const taken = take(
          feed,
          snapshot(
            cursor,
            named.map((id) => item(id, cursor)),
            ended,
          ),
        );
        if (!taken.ok) continue;
        feed = taken.feed;
        for (const id of before)
          if (!ended.includes(id)) expect(feed.items.has(id) || feed.kept.has(id)).toBe(true);
        for (const todo of taken.todo) if (todo.type === "tombstone") expect(ended).toContain(todo.id);
      }
    }),
  );
});

test("a snapshot that is suddenly empty, or shrunken, is not believed; with tombstones it is", () => {
  const feed = known("a", "b", "c", "d");
  expect(take(feed, snapshot(11, []))).toMatchObject({ ok: false, reason: "shrunken" });
  expect(take(feed, snapshot(11, [item("a", 1)]))).toMatchObject({ ok: false, reason: "shrunken" });
  const ended = take(feed, snapshot(11, [item("a", 1)], ["b", "c", "d"]));
  expect(ended).toMatchObject({ ok: true, isDiverged: false });
});

test("what a snapshot leaves out runs on, and ends with the tombstone that comes later", () => {
  const first = take(known("a", "b", "c", "d"), snapshot(11, [item("a", 1), item("b", 2), item("c", 3)]));
  if (!first.ok) throw new Error(first.detail);
  expect([...first.feed.kept.keys()]).toEqual(["d"]);
  const digest = digestOf(first.feed.items.values());
  const next = take(first.feed, {
    kind: "changes",
    cursor: 12,
    digest,
    changes: [{ cursor: 12, type: "tombstone", id: "d" }],
  });
  if (!next.ok) throw new Error(next.detail);
  expect(next.todo).toEqual([{ type: "tombstone", id: "d", generation: 12 }]);
  expect(next.feed.kept.size).toBe(0);
});

test("an older word, a gap, a damaged snapshot and another digest are seen", () => {
  const feed = known("a");
  const older = take({ ...feed, items: new Map([["a", item("a", 9)]]) }, snapshot(11, [item("a", 3)]));
  expect(older).toMatchObject({ ok: true, todo: [{ item: { generation: 9 } }] });
  const put: Change = { cursor: 13, type: "put", item: item("b", 13) };
  const changes: FeedAnswer = { kind: "changes", cursor: 13, digest: "", changes: [put] };
  expect(take(feed, changes)).toMatchObject({ ok: false, reason: "gap" });
  expect(take({ ...feed, cursor: 12 }, changes)).toMatchObject({ ok: true, isDiverged: true });
  expect(take(feed, { ...changes, cursor: 14 })).toMatchObject({ ok: false, reason: "gap" });
  const damaged = { ...snapshot(11, [item("a", 1)]), items: [item("a", 2)] } as FeedAnswer;
  expect(take(feed, damaged)).toMatchObject({ ok: false, reason: "damaged" });
});
