import type { FeedAnswer, WorkloadStatus } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { memoryStorage } from "../../tests/support/memory-storage.ts";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import { digestOf } from "./feed.ts";
import { FeedLoop } from "./feed-loop.ts";

const MINUTE = 60_000;
const refusal = { ok: false, status: 503, retryAfterMs: null, extensions: {} } as const;

test("what can't be fetched has been so since the first try, however often it is tried again", async () => {
  const clock = new VirtualClock();
  const over = new AbortController();
  const statuses = new Map<string, WorkloadStatus>();
  const about = { team: "t", project: "p", deployment: "dpl_1", spec: "", env: "", isWarm: true };
  const items = [{ ...about, id: "dpl_1.g0", generation: 1 }];
  const snapshot: FeedAnswer = {
    kind: "snapshot",
    cursor: 1,
    digest: digestOf(items),
    items,
    tombstones: [],
  };
  let tries = 0;
  const loop = new FeedLoop(
    {
      clock,
      random: () => 0.5,
      storage: memoryStorage(),
      log: () => undefined,
      fetch: () => Promise.reject(new Error("nobody fetches")),
    },
    {
      client: {
        feed: async (_epoch, after, waitMs, signal) => {
          if (after === 0) return { ok: true, value: snapshot };
          await clock.wait(waitMs, signal);
          return { ok: true, value: { kind: "changes", cursor: 1, digest: snapshot.digest, changes: [] } };
        },
        material: async () => ({ ...refusal, code: "spec_lost", detail: `It is lost (${++tries}).` }),
      },
      driver: { apply: async () => ({ ok: true }), remove: async () => ({ ok: true }) },
      lease: { granted: async () => 1, lost: () => undefined, guard: new AbortController().signal },
      statuses: {
        of: (id) => statuses.get(id),
        set: (one) => void statuses.set(one.id, one),
        forget: (id) => void statuses.delete(id),
      },
    },
    over.signal,
  );
  const running = loop.run();
  await clock.pass(0);
  const since = clock.now();
  expect(statuses.get("dpl_1.g0")).toMatchObject({ reason: "SpecUnavailable", since });
  await clock.pass(2 * MINUTE);
  expect(tries).toBeGreaterThan(2);
  expect(statuses.get("dpl_1.g0")).toMatchObject({ detail: `It is lost (${tries}).`, since });
  over.abort();
  await clock.pass(0);
  await running;
});

test("on a disk that is full the region does what it is told, and writes it down when there is room", async () => {
  const clock = new VirtualClock();
  const over = new AbortController();
  const storage = memoryStorage();
  const removed: string[] = [];
  let isFull = true;
  const about = { team: "t", project: "p", deployment: "dpl_1", spec: "", env: "", isWarm: true };
  const items = [{ ...about, id: "dpl_1.g0", generation: 1 }];
  const answers: FeedAnswer[] = [
    { kind: "snapshot", cursor: 1, digest: digestOf(items), items, tombstones: [] },
    {
      kind: "changes",
      cursor: 2,
      digest: digestOf([]),
      changes: [{ cursor: 2, type: "tombstone", id: "dpl_1.g0" }],
    },
  ];
  const loop = new FeedLoop(
    {
      clock,
      random: () => 0.5,
      storage: {
        ...storage,
        write: (name, text) => {
          if (isFull) throw new Error("ENOSPC: no space left on device");
          storage.write(name, text);
        },
      },
      log: () => undefined,
      fetch: () => Promise.reject(new Error("nobody fetches")),
    },
    {
      client: {
        feed: async (_epoch, _after, waitMs, signal) => {
          const next = answers.shift();
          if (next) return { ok: true, value: next };
          await clock.wait(waitMs + 1, signal);
          return { ok: true, value: { kind: "changes", cursor: 2, digest: digestOf([]), changes: [] } };
        },
        material: async () => ({ ...refusal, code: "spec_lost", detail: "It is lost." }),
      },
      driver: {
        apply: async () => ({ ok: true }),
        remove: async (id) => {
          removed.push(id);
          return { ok: true };
        },
      },
      lease: { granted: async () => 1, lost: () => undefined, guard: new AbortController().signal },
      statuses: { of: () => undefined, set: () => undefined, forget: () => undefined },
    },
    over.signal,
  );
  const running = loop.run();
  await clock.pass(MINUTE);
  expect(removed).toEqual(["dpl_1.g0"]);
  expect(storage.read("desired.json")).toBeNull();
  isFull = false;
  await clock.pass(MINUTE);
  expect(storage.read("desired.json")).toContain('"cursor":2');
  over.abort();
  await clock.pass(0);
  await running;
});
