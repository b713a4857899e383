import type { CompleteRequest, Task, TaskResult } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { memoryStorage } from "../../tests/support/memory-storage.ts";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import type { Storage } from "./seams.ts";
import { TaskLoop } from "./task-loop.ts";

const task = { id: "task1", attempt: 1 } as Task;
const FAILED: TaskResult = {
  ok: false,
  failure: { code: "disk_full", detail: "", fix: "" },
  isRetryable: true,
};
const BUILT: TaskResult = { ok: true, output: {} as (TaskResult & { ok: true })["output"] };

/** A disk that is full from some moment on. */
function disk(files = new Map<string, string>()) {
  const state = { isFull: false, onWrite: () => undefined as unknown };
  const held = memoryStorage(files);
  const storage: Storage = {
    ...held,
    write(name, text) {
      state.onWrite();
      if (state.isFull) throw new Error("ENOSPC: no space left on device, write");
      held.write(name, text);
    },
  };
  return { state, storage, files };
}

/** A loop with one task, whose work ends when it is told to; and what it says to the control plane. */
function begin({ storage }: { storage: Storage }, tasks: Task[] = [task]) {
  const clock = new VirtualClock();
  const over = new AbortController();
  const heard = { beats: 0, completed: [] as CompleteRequest[], disposed: 0 };
  const ends: ((result: TaskResult) => void)[] = [];
  const claims = { isBroken: false, waiting: [...tasks] };
  const lease = { granted: async () => 1, epoch: 1, isDraining: false, lost: () => undefined };
  const loop = new TaskLoop(
    { clock, random: () => 0.5, log: () => undefined, storage, fetch },
    {
      lease: lease as unknown as LeaseLoop,
      room: 2,
      client: {
        async claim() {
          if (claims.isBroken) throw new Error("A fault of the loop itself");
          if (claims.waiting.length === 0) await clock.wait(1_000, over.signal);
          return { ok: true, value: { tasks: claims.waiting.splice(0) } };
        },
        async heartbeat() {
          heard.beats += 1;
          return { ok: true, value: { isOver: false } };
        },
        async complete(_id, request) {
          heard.completed.push(request);
          return { ok: true, value: { isAccepted: true } };
        },
      },
      work: () =>
        new Promise((resolve) => {
          ends.push((result) =>
            resolve({
              result,
              resupply: async () => undefined,
              async dispose() {
                heard.disposed += 1;
              },
            }),
          );
        }),
    },
  );
  return { clock, over, heard, ends, claims, loop };
}

test.each([FAILED, BUILT])(
  "a full disk keeps no task from its end: it is completed, let go of, and beats no more",
  async (result) => {
    const home = disk();
    const { clock, over, heard, ends, loop } = begin(home);
    const running = loop.run(over.signal);
    await clock.pass(10_000);
    expect(loop.running).toBe(1);
    home.state.isFull = true;
    ends[0]?.(result);
    await clock.pass(10_000);
    const { beats } = heard;
    expect(heard.completed.map((one) => one.result)).toEqual([result]);
    expect(heard.disposed).toBeGreaterThan(0);
    expect(loop.running).toBe(0);
    await clock.pass(60_000);
    expect(heard.beats).toBe(beats);
    over.abort();
    await clock.pass(0);
    await running;
  },
);

test("what a failed task has left is gone before anything of it is written", async () => {
  const home = disk();
  const { clock, over, heard, ends, loop } = begin(home);
  const running = loop.run(over.signal);
  await clock.pass(0);
  const disposedAtWrite: number[] = [];
  home.state.onWrite = () => disposedAtWrite.push(heard.disposed);
  ends[0]?.(FAILED);
  await clock.pass(0);
  expect(disposedAtWrite).toEqual([1]);
  over.abort();
  await clock.pass(0);
  await running;
});

test("a task that is claimed while the disk is full is begun, and so are those beside it", async () => {
  const home = disk();
  home.state.isFull = true;
  const { clock, over, ends, loop } = begin(home, [task, { ...task, id: "task2" }]);
  const running = loop.run(over.signal);
  await clock.pass(0);
  expect(ends).toHaveLength(2);
  for (const end of ends) end(FAILED);
  over.abort();
  await clock.pass(0);
  await running;
});

test("a loop that is begun again leaves alone what is under way; what a process before it began has failed", async () => {
  const home = disk();
  const { clock, over, heard, ends, claims, loop } = begin(home);
  const first = loop.run(over.signal).catch(String);
  await clock.pass(500);
  claims.isBroken = true;
  await clock.pass(2_000);
  expect(await first).toContain("A fault of the loop itself");
  claims.isBroken = false;
  const second = loop.run(over.signal);
  await clock.pass(5_000);
  expect(heard.completed).toEqual([]);
  ends[0]?.(BUILT);
  await clock.pass(5_000);
  expect(heard.completed.map(({ result }) => result)).toEqual([BUILT]);
  over.abort();
  await clock.pass(0);
  await second;

  const killed = disk();
  const before = begin(killed);
  void before.loop.run(before.over.signal);
  await before.clock.pass(0);
  const after = begin(disk(new Map(killed.files)), []);
  const running = after.loop.run(after.over.signal);
  await after.clock.pass(0);
  expect(after.heard.completed).toMatchObject([
    { result: { ok: false, failure: { code: "agent_restarted" } } },
  ]);
  for (const one of [before, after]) one.over.abort();
  await after.clock.pass(0);
  await running;
});
