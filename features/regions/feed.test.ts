import { type Desired, digestText } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  buryStrays,
  compact,
  desire,
  emptyFeed,
  type Feed,
  forget,
  forgetAll,
  KEEP_CHANGES,
  KEEP_TOMBSTONES_MS,
  since,
} from "./feed.ts";
import type { Wanted } from "./rpc.ts";

const wanted = (deployment: string, group: string, spec: string): Wanted => ({
  id: `${deployment}.${group}`,
  team: "team_1",
  project: "prj_1",
  deployment,
  spec,
  env: "e",
  isWarm: true,
});

type Act =
  | { type: "desire"; wanted: Wanted[] }
  | { type: "forget"; deployment: string }
  | { type: "forget-all" }
  | { type: "compact"; wait: number }
  /** The agent asks; its answer may be lost. */
  | { type: "ask"; isLost: boolean; isWhole: boolean };

const deployment = fc.constantFrom("dpl_1", "dpl_2", "dpl_3");
const one = fc
  .tuple(deployment, fc.constantFrom("a", "b"), fc.constantFrom("s1", "s2"))
  .map(([of, group, spec]) => wanted(of, group, spec));
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(one, { maxLength: 4 }).map((all): Act => ({ type: "desire", wanted: all })),
  },
  { weight: 2, arbitrary: deployment.map((of): Act => ({ type: "forget", deployment: of })) },
  fc.constant<Act>({ type: "forget-all" }),
  fc.nat(2 * KEEP_TOMBSTONES_MS).map((wait): Act => ({ type: "compact", wait })),
  {
    weight: 4,
    arbitrary: fc.tuple(fc.boolean(), fc.boolean()).map(
      ([isLost, isWhole]): Act => ({
        type: "ask",
        isLost,
        isWhole,
      }),
    ),
  },
);

/** What an agent makes of answers: it deletes by tombstones only. */
class Agent {
  cursor = 0;
  readonly items = new Map<string, Desired>();

  ask(feed: Feed, isWhole: boolean, isLost: boolean): void {
    const answer = since(feed, isWhole ? -1 : this.cursor);
    if (isLost) return;
    if (answer.kind === "snapshot") {
      for (const { id } of answer.tombstones) this.items.delete(id);
      for (const item of answer.items) this.items.set(item.id, item);
    } else {
      for (const change of answer.changes) {
        expect(change.cursor).toBe(this.cursor + 1);
        this.cursor = change.cursor;
        if (change.type === "put") this.items.set(change.item.id, change.item);
        else this.items.delete(change.id);
      }
    }
    expect(answer.cursor).toBeGreaterThanOrEqual(this.cursor);
    this.cursor = answer.cursor;
  }
}

const digest = (items: Iterable<Desired>): string => digestText(items);

test("after any history an agent that asks once more has just what is wanted", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const agent = new Agent();
      let feed = emptyFeed;
      let now = 0;
      for (const doing of acts) {
        const before = feed;
        if (doing.type === "desire") feed = desire(feed, doing.wanted);
        else if (doing.type === "forget") feed = forget(feed, doing.deployment, now);
        else if (doing.type === "forget-all") feed = forgetAll(feed, now);
        else if (doing.type === "compact") {
          now += doing.wait;
          feed = compact(feed, agent.cursor, now);
        } else agent.ask(feed, doing.isWhole, doing.isLost);

        // Cursors have no gap, and each workload's generation is that of its last change.
        expect(feed.changes.map(({ cursor }) => cursor)).toEqual(
          feed.changes.map((_, i) => feed.cursor - feed.changes.length + 1 + i),
        );
        expect(feed.cursor).toBeGreaterThanOrEqual(before.cursor);
        for (const [id, { generation }] of before.items) {
          const after = feed.items.get(id)?.generation ?? feed.tombstones.get(id)?.generation ?? 0;
          expect(after).toBeGreaterThanOrEqual(generation);
        }
        // What was there is there, or has a tombstone.
        for (const id of before.items.keys())
          expect(feed.items.has(id) !== feed.tombstones.has(id)).toBe(true);
      }
      agent.ask(feed, false, false);
      expect(digest(agent.items.values())).toBe(digest(feed.items.values()));
      expect(new Map(agent.items)).toEqual(new Map(feed.items));
    }),
    { numRuns: 5_000 },
  );
});

test("said again, what is wanted changes nothing", () => {
  fc.assert(
    fc.property(fc.array(one, { maxLength: 6 }), (all) => {
      const unique = [...new Map(all.map((each) => [each.id, each])).values()];
      const feed = desire(emptyFeed, unique);
      expect(desire(feed, unique)).toBe(feed);
    }),
  );
});

test("who is further behind than what is kept gets a snapshot with tombstones", () => {
  let feed = desire(emptyFeed, [wanted("dpl_old", "a", "s")]);
  feed = forget(feed, "dpl_old", 0);
  for (let n = 0; n < KEEP_CHANGES; n++) feed = desire(feed, [wanted("dpl_1", "a", `s${n}`)]);
  expect(feed.changes).toHaveLength(KEEP_CHANGES);
  expect(since(feed, 1)).toMatchObject({
    kind: "snapshot",
    items: [{ id: "dpl_1.a", generation: feed.cursor }],
    tombstones: [{ id: "dpl_old.a", generation: 2 }],
  });
  expect(since(feed, 2)).toMatchObject({ kind: "changes" });
  expect(since(feed, feed.cursor)).toEqual({ kind: "changes", cursor: feed.cursor, changes: [] });
  expect(since(feed, feed.cursor + 1).kind).toBe("snapshot");
});

test("a tombstone stays until it was applied, however old; and then for a while", () => {
  const feed = forget(desire(emptyFeed, [wanted("dpl_1", "a", "s")]), "dpl_1", 0);
  expect(compact(feed, 1, 10 * KEEP_TOMBSTONES_MS)).toBe(feed);
  expect(compact(feed, 2, KEEP_TOMBSTONES_MS - 1)).toBe(feed);
  expect(compact(feed, 2, KEEP_TOMBSTONES_MS).tombstones.size).toBe(0);
});

test("what an agent runs that nobody wants gets a tombstone, but not what is newer than all that is known", () => {
  const feed = desire(emptyFeed, [wanted("dpl_1", "a", "s"), wanted("dpl_1", "b", "s")]);
  const strays = [
    { id: "dpl_1.a", generation: 1 },
    { id: "dpl_9.a", generation: 2 },
    { id: "dpl_9.b", generation: 3 },
  ];
  const next = buryStrays(feed, strays, 0);
  expect([...next.tombstones.keys()]).toEqual(["dpl_9.a"]);
  expect(next.cursor).toBe(3);
  expect(buryStrays(next, strays, 0).tombstones.get("dpl_9.a")?.generation).toBe(3);
});
