import { TASK_LEASE_MS } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { buildTask } from "./tasks.fixture.ts";
import * as machine from "./tasks.ts";

const good: machine.Result = { ok: true, manifest: "m", bytes: 1, fileCount: 1 };
const bad: machine.Result = {
  ok: false,
  failure: { code: "c", detail: "d", fix: "f" },
  isRetryable: false,
};

type Act =
  | { type: "offer" | "heartbeat"; name: string; attempt: number }
  | { type: "complete"; name: string; attempt: number; result: machine.Result }
  | { type: "withdraw"; name: string }
  | { type: "claim"; holder: string; max: number }
  | { type: "take-over"; holder: string }
  | { type: "give-up-queued" | "give-up-all" };

const name = fc.constantFrom("dpl_1", "dpl_2");
const attempt = fc.integer({ min: 1, max: 3 });
const holder = fc.constantFrom("host-1", "host-2");
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom("offer" as const, "heartbeat" as const), name, attempt }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("complete" as const),
      name,
      attempt,
      result: fc.constantFrom(good, bad),
    }),
  },
  fc.record({ type: fc.constant("withdraw" as const), name }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant("claim" as const), holder, max: fc.nat(2) }) },
  fc.record({ type: fc.constant("take-over" as const), holder }),
  fc.constantFrom<Act>({ type: "give-up-queued" }, { type: "give-up-all" }),
);
const history = fc.array(fc.tuple(act, fc.oneof(fc.nat(1_000), fc.nat(2 * TASK_LEASE_MS))), {
  maxLength: 60,
});

interface Seen {
  at: number;
  told: machine.Told;
}

function replay(acts: [Act, number][]) {
  let now = 0;
  let tasks: machine.Tasks = {};
  const seen: Seen[] = [];
  const answers = new Map<string, boolean>();
  const take = (next: { tasks: machine.Tasks; told: machine.Told[] }) => {
    tasks = next.tasks;
    seen.push(...next.told.map((told) => ({ at: now, told })));
  };
  const tickUntil = (until: number) => {
    for (let due = machine.dueAt(tasks); due !== null && due <= until; due = machine.dueAt(tasks)) {
      now = Math.max(now, due);
      take(machine.tick(tasks, now));
    }
    now = until;
  };
  for (const [one, wait] of acts) {
    // An armed alarm fires: time never runs past what is due.
    tickUntil(now + wait);
    switch (one.type) {
      case "offer":
        tasks = machine.offer(tasks, buildTask(one.name, one.attempt));
        break;
      case "heartbeat":
        tasks = machine.heartbeat(tasks, `build.${one.name}`, one.attempt, now).tasks;
        break;
      case "complete": {
        const id = `build.${one.name}`;
        const next = machine.complete(tasks, { id, attempt: one.attempt, result: one.result }, now);
        const key = `${id} ${one.attempt}`;
        // As long as it is remembered, a repetition answers as the first did.
        if (answers.get(key) === true && tasks[id]?.state === "over" && attemptOf(tasks[id]) === one.attempt)
          expect(next.isAccepted).toBe(true);
        if (next.isAccepted) answers.set(key, true);
        take(next);
        break;
      }
      case "withdraw":
        tasks = machine.withdraw(tasks, `build.${one.name}`, null, now);
        break;
      case "claim":
        take(machine.claim(tasks, { holder: one.holder, max: one.max, name: "fra" }, now));
        break;
      case "take-over":
        take(machine.takeOver(tasks, one.holder, now));
        break;
      case "give-up-queued":
        tasks = machine.giveUpQueued(tasks);
        break;
      case "give-up-all":
        take(machine.giveUpAll(tasks, now));
        break;
    }
  }
  return { tasks, seen, now };
}

const attemptOf = (entry: machine.Entry | undefined): number | undefined =>
  entry && (entry.state === "over" ? entry.attempt : entry.task.attempt);

test("an attempt that was begun is remembered when the next one is given up before it is begun", () => {
  const queued = machine.offer(claimed(), buildTask("dpl_1", 2));
  for (const gone of [machine.giveUpQueued(queued), machine.takeBack(queued, ID, 2).tasks]) {
    expect(machine.offer(gone, buildTask("dpl_1", 1))).toBe(gone);
    expect(machine.offer(gone, buildTask("dpl_1", 2))[ID]).toMatchObject({ state: "queued" });
  }
});

test("no history ends an attempt twice, begins one twice, or tells of an old one after a newer", () => {
  fc.assert(
    fc.property(history, (acts) => {
      const { seen } = replay(acts);
      for (const of of Map.groupBy(seen, ({ told }) => told.deployment).values()) {
        const attempts = of.map(({ told: { input } }) => ("attempt" in input ? input.attempt : 0));
        // An end is remembered for an hour; within that, attempts only rise.
        const isRecent = of.every(({ at }, i) => i === 0 || at - (of[i - 1]?.at ?? 0) < machine.REMEMBER_MS);
        if (!isRecent) continue;
        expect(attempts).toEqual([...attempts].sort((a, b) => a - b));
        for (const all of Map.groupBy(of, ({ told: { input } }) =>
          "attempt" in input ? input.attempt : 0,
        ).values()) {
          expect(all.filter(({ told }) => told.input.type === "build-claimed").length).toBeLessThanOrEqual(1);
          expect(all.filter(({ told }) => told.input.type !== "build-claimed").length).toBeLessThanOrEqual(1);
          // Nothing comes behind an end.
          expect(all.findIndex(({ told }) => told.input.type !== "build-claimed")).toBeOneOf([
            -1,
            all.length - 1,
          ]);
        }
      }
    }),
    { numRuns: 20_000 },
  );
});

test("left alone after any history, every task that was claimed comes to an end, and is told of", () => {
  fc.assert(
    fc.property(history, (acts) => {
      const { tasks: left, now } = replay(acts);
      const claimed = Object.values(left).filter(({ state }) => state === "claimed");
      const { tasks, told } = machine.tick(left, now + TASK_LEASE_MS);
      expect(told).toHaveLength(claimed.length);
      expect(told.every(({ input }) => input.type === "build-failed" && input.retryable)).toBe(true);
      expect(Object.values(tasks).some(({ state }) => state === "claimed")).toBe(false);
      const gone = machine.giveUpQueued(tasks);
      expect(Object.values(gone).every(({ state }) => state === "over")).toBe(true);
      expect(machine.tick(gone, now + 2 * machine.REMEMBER_MS).tasks).toEqual({});
    }),
    { numRuns: 5_000 },
  );
});

const claimed = (attempts = 1) => {
  const tasks = machine.offer({}, buildTask("dpl_1", attempts));
  return machine.claim(tasks, { holder: "host-1", max: 1, name: "fra" }, 0).tasks;
};
const ID = "build.dpl_1";

test("a withdrawn task is over for who has it, and what it completes is not taken", () => {
  const tasks = machine.withdraw(claimed(), ID, null, 1);
  expect(machine.heartbeat(tasks, ID, 1, 2).isOver).toBe(true);
  expect(machine.complete(tasks, { id: ID, attempt: 1, result: good }, 3)).toMatchObject({
    isAccepted: false,
    told: [],
  });
});

test("what nobody has begun can be taken back and offered again; what was begun, or has ended, can't", () => {
  const queued = machine.offer({}, buildTask("dpl_1", 2));
  const back = machine.takeBack(queued, ID, 2);
  expect(back).toEqual({ tasks: {}, isFree: true });
  expect(machine.offer(back.tasks, buildTask("dpl_1", 2))).toEqual(queued);
  expect(machine.takeBack(queued, ID, 1)).toEqual({ tasks: queued, isFree: false });
  expect(machine.takeBack(queued, ID, 3)).toEqual({ tasks: queued, isFree: true });
  expect(machine.takeBack(claimed(), ID, 1)).toEqual({ tasks: claimed(), isFree: false });
  const over = machine.withdraw(claimed(), ID, null, 1);
  expect(machine.takeBack(over, ID, 1).isFree).toBe(false);
});

test("what waits and what is begun takes room, what is over does not, nor does a task itself", () => {
  const tasks = machine.offer(claimed(), buildTask("dpl_2", 1));
  expect(machine.roomFor(tasks, "build.dpl_3", 2)).toBe(0);
  expect(machine.roomFor(tasks, ID, 1)).toBe(0);
  expect(machine.roomFor(machine.withdraw(tasks, ID, null, 1), "build.dpl_2", 1)).toBe(1);
});

test("a newer attempt takes the old one's place, and the old one's result changes nothing", () => {
  const tasks = machine.offer(claimed(), buildTask("dpl_1", 2));
  expect(machine.heartbeat(tasks, ID, 1, 1).isOver).toBe(true);
  expect(machine.complete(tasks, { id: ID, attempt: 1, result: good }, 1)).toMatchObject({
    isAccepted: false,
    told: [],
  });
  expect(machine.offer(tasks, buildTask("dpl_1", 1))).toBe(tasks);
});

test("a repetition of a completion answers as the first, even with another result", () => {
  const first = machine.complete(claimed(), { id: ID, attempt: 1, result: good }, 1);
  expect(first).toMatchObject({
    isAccepted: true,
    told: [{ deployment: "dpl_1", input: { type: "built" } }],
  });
  expect(machine.complete(first.tasks, { id: ID, attempt: 1, result: bad }, 2)).toMatchObject({
    isAccepted: true,
    told: [],
  });
});

test("heartbeats keep a task; silence of TASK_LEASE_MS ends it retryably", () => {
  const beaten = machine.heartbeat(claimed(), ID, 1, TASK_LEASE_MS - 1).tasks;
  expect(machine.tick(beaten, TASK_LEASE_MS).told).toEqual([]);
  expect(machine.tick(beaten, 2 * TASK_LEASE_MS - 1).told).toMatchObject([
    { deployment: "dpl_1", input: { type: "build-failed", attempt: 1, retryable: true } },
  ]);
});

test("what another installation had is lost when one takes over; its own is kept", () => {
  expect(machine.takeOver(claimed(), "host-1", 1).told).toEqual([]);
  expect(machine.takeOver(claimed(), "host-2", 1).told).toMatchObject([
    { input: { type: "build-failed", retryable: true, failure: { code: "region_lost" } } },
  ]);
});
