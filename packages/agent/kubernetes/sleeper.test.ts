/** One workload's sleep, with pods that come and go by hand and time that is turned. */
import { Agent } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "../../../tests/support/virtual-clock.ts";
import type { Applied } from "../driver.ts";
import type { Acquired } from "../process/target.ts";
import type { Rest } from "./rest.ts";
import { type Seen, Sleeper } from "./sleeper.ts";
import { Turns } from "./turns.ts";

const TIMES = { idleMs: 60_000, askMs: 1_000, followMs: 5_000, tickMs: 1_000 };
const never = new AbortController().signal;
const said = (ready: Seen["status"]["ready"], reason: string): Seen["status"] => ({
  ready,
  reason,
  detail: "",
});

/** A workload of one pod. What the cluster does is done by the test. */
class World {
  readonly clock = new VirtualClock();
  readonly agent = new Agent();
  rest: Rest = "awake";
  readonly moves: Rest[] = [];
  /** What is written next comes to this. */
  answer: Applied = { ok: true };
  /** What is written is there when this is over. */
  written: Promise<void> = Promise.resolve();
  /** Pods that are asked answer when this is over. */
  told: Promise<void> = Promise.resolve();
  decisions = 0;
  status = said("true", "Ready");
  pods: string[] = ["10.42.0.1"];
  isSilent = false;
  usedAt = 0;
  inFlight = 0;
  asks = 0;
  readonly #listeners = new Set<() => void>();
  readonly #turns = new Turns();
  readonly sleeper = new Sleeper({
    clock: this.clock,
    random: () => 0,
    times: TIMES,
    agent: this.agent,
    rest: () => this.rest,
    move: (decide) =>
      this.#turns.take("", async () => {
        this.decisions += 1;
        const next = decide(this.rest);
        if (next === this.rest || !this.answer.ok) return this.answer;
        await this.written;
        this.moves.push(next);
        this.rest = next;
        if (next === "asleep") this.see([], said("true", "Idle"));
        return { ok: true };
      }),
    seen: () => ({
      status: this.status,
      pods: this.pods,
      answering: this.status.reason === "Ready" ? this.pods : [],
    }),
    onChange: (listener) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
    askIdle: async () => {
      this.asks += 1;
      if (this.isSilent) return null;
      const idle = this.inFlight > 0 ? 0 : this.clock.monotonic() - this.usedAt;
      await this.told;
      return idle;
    },
    hostOf: (podIP) => podIP,
  });

  /** A request that comes to the agent. */
  async acquire(signal = never): Promise<Acquired> {
    const acquired = await this.sleeper.acquire(signal);
    if (acquired.ok) this.inFlight += 1;
    return acquired;
  }

  /** It is answered. */
  finish(): void {
    this.inFlight -= 1;
    this.usedAt = this.clock.monotonic();
  }

  see(pods: string[], status: Seen["status"]): void {
    this.pods = pods;
    this.status = status;
    for (const listener of this.#listeners) listener();
  }

  /** A pod has started that takes requests. */
  come(): void {
    this.usedAt = this.clock.monotonic();
    this.see(["10.42.0.2"], said("true", "Ready"));
  }

  /** Rounds, as the activator makes them. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= TIMES.tickMs) {
      await this.sleeper.look();
      await this.clock.pass(Math.min(left, TIMES.tickMs));
    }
    await this.sleeper.look();
  }

  static async asleep(): Promise<World> {
    const world = new World();
    await world.pass(TIMES.idleMs + TIMES.followMs + 2_000);
    expect(world.rest).toBe("asleep");
    world.moves.length = 0;
    return world;
  }
}

test("nobody asks: routers are told first, and its pods go when these have followed", async () => {
  const world = new World();
  await world.pass(TIMES.idleMs - 1_000);
  expect(world.moves).toEqual([]);
  await world.pass(2_000);
  expect(world.moves).toEqual(["dozing"]);
  await world.pass(TIMES.followMs);
  expect(world.moves).toEqual(["dozing", "asleep"]);
  // Once at its begin, once when it can be idle, and once when routers have followed.
  expect(world.asks).toBeLessThanOrEqual(4);
});

test("what is in flight, or a pod that is silent, keeps it awake", async () => {
  const world = new World();
  world.inFlight = 1;
  await world.pass(3 * TIMES.idleMs);
  world.inFlight = 0;
  world.isSilent = true;
  await world.pass(3 * TIMES.idleMs);
  world.isSilent = false;
  world.see(world.pods, said("false", "Crashed"));
  await world.pass(3 * TIMES.idleMs);
  expect(world.moves).toEqual([]);
});

test.each(["awake", "dozing"])(
  "who asks while the pods of one that is %s are asked keeps it awake",
  async (rest) => {
    const world = new World();
    await world.pass(TIMES.idleMs - 1_000);
    await world.clock.pass(1_000);
    if (rest === "dozing") await world.sleeper.look();
    await world.clock.pass(TIMES.followMs);
    expect(world.rest).toBe(rest);
    const { promise, resolve } = Promise.withResolvers<void>();
    world.told = promise;
    const looking = world.sleeper.look();
    expect(await world.acquire()).toMatchObject({ ok: true });
    resolve();
    await looking;
    await world.clock.pass(1);
    expect(world.rest).toBe("awake");
  },
);

test("whoever asks while it dozes is answered at once, and keeps it awake", async () => {
  const world = new World();
  await world.pass(TIMES.idleMs + 1_000);
  expect(world.rest).toBe("dozing");
  const acquired = await world.acquire();
  expect(acquired).toMatchObject({ ok: true, coldMs: null });
  await world.pass(2 * TIMES.followMs);
  expect(world.moves).toEqual(["dozing", "awake"]);
});

test("a request that comes to its pod by the old way while it dozes keeps it awake", async () => {
  const world = new World();
  await world.pass(TIMES.idleMs + 1_000);
  world.usedAt = world.clock.monotonic();
  await world.pass(2 * TIMES.followMs);
  expect(world.moves).toEqual(["dozing", "awake"]);
});

test("who asks while its pods are taken away is not handed to them, and waits for the next", async () => {
  const world = new World();
  await world.pass(TIMES.idleMs + 1_000);
  await world.clock.pass(TIMES.followMs);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.written = promise;
  const falling = world.sleeper.look();
  await world.clock.pass(1);
  const waiting = world.acquire();
  await world.clock.pass(1);
  expect(world.inFlight).toBe(0);
  resolve();
  await falling;
  await world.clock.pass(1);
  expect(world.moves).toEqual(["dozing", "asleep", "dozing"]);
  world.come();
  expect(await waiting).toMatchObject({ ok: true, instance: { address: { host: "10.42.0.2" } } });
});

test("one start for all who wait; each is told for how long it has waited", async () => {
  const world = await World.asleep();
  const all = Array.from({ length: 50 }, () => world.acquire());
  const before = world.decisions;
  await world.clock.pass(700);
  expect(world.moves).toEqual(["dozing"]);
  expect(world.decisions - before).toBeLessThanOrEqual(1);
  world.come();
  for (const acquired of await Promise.all(all)) expect(acquired).toMatchObject({ ok: true, coldMs: 700 });
  await world.clock.pass(1);
  expect(world.moves).toEqual(["dozing", "awake"]);
});

test("a thousand wait; who comes then is told to go elsewhere", async () => {
  const world = await World.asleep();
  const all = Array.from({ length: 1_000 }, () => world.acquire());
  expect(await world.acquire()).toMatchObject({ ok: false, fault: "starting" });
  await world.clock.pass(1);
  world.come();
  expect((await Promise.all(all)).every(({ ok }) => ok)).toBe(true);
});

test("a client that leaves waits no more, and the start goes on without it", async () => {
  const world = await World.asleep();
  const leaving = new AbortController();
  const waiting = world.acquire(leaving.signal);
  leaving.abort();
  expect(await waiting).toMatchObject({ ok: false, fault: "starting" });
  world.come();
  await world.clock.pass(1);
  expect(world.moves).toEqual(["dozing", "awake"]);
});

test("a start that fails, or takes too long, is a fault that another region may answer for", async () => {
  const failing = await World.asleep();
  const waiting = failing.acquire();
  await failing.clock.pass(1);
  failing.see([], said("false", "Starting"));
  failing.see([], said("false", "Crashed"));
  expect(await waiting).toMatchObject({ ok: false, fault: "unreachable" });
  // Nobody waits for the next try of what is known to fail, until that has come up.
  expect(await failing.acquire()).toMatchObject({ ok: false, fault: "unreachable" });
  failing.come();
  expect(await failing.acquire()).toMatchObject({ ok: true });
  await failing.clock.pass(1);
  expect(failing.rest).toBe("awake");

  const slow = await World.asleep();
  const late = slow.acquire();
  await slow.clock.pass(130_000);
  expect(await late).toMatchObject({ ok: false, fault: "starting" });
});

test("an agent that is fenced wakes nobody and puts nobody to sleep", async () => {
  const asleep = await World.asleep();
  asleep.answer = { ok: false, reason: "fenced", detail: "" };
  expect(await asleep.acquire()).toMatchObject({ ok: false, fault: "draining" });
  const awake = new World();
  awake.answer = { ok: false, reason: "fenced", detail: "" };
  await awake.pass(10 * TIMES.idleMs);
  expect([asleep.moves, awake.moves]).toEqual([[], []]);
});

test("its tombstone ends the wait of all", async () => {
  const world = await World.asleep();
  const waiting = world.acquire();
  await world.clock.pass(1);
  world.sleeper.end();
  expect(await waiting).toMatchObject({ ok: false, fault: "draining" });
});

type Step = { do: "ask" | "finish" | "pass"; by: number } | { do: "come" | "direct" | "fault"; by: number };
const steps = fc.array(
  fc.record({
    do: fc.constantFrom("ask", "finish", "pass", "come", "direct", "fault"),
    by: fc.integer({ min: 1, max: 90_000 }),
  }) as fc.Arbitrary<Step>,
  { maxLength: 25 },
);

test("no history puts it to sleep over a request in flight, or leaves one who asks without an answer", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const world = new World();
      const open: Promise<Acquired>[] = [];
      for (const step of history) {
        switch (step.do) {
          case "ask":
            open.push(world.acquire());
            break;
          case "finish": {
            const acquired = world.status.reason === "Ready" ? await open.shift() : undefined;
            if (acquired?.ok) world.finish();
            break;
          }
          case "pass":
            await world.pass(step.by);
            break;
          case "come":
            await world.clock.pass(1);
            if (world.rest !== "asleep") world.come();
            break;
          case "direct":
            if (world.rest !== "asleep") world.usedAt = world.clock.monotonic();
            break;
          case "fault":
            if (world.rest !== "asleep" && world.inFlight === 0) world.see([], said("false", "Crashed"));
            break;
        }
        if (world.rest === "asleep") expect(world.inFlight).toBe(0);
      }
      await world.clock.pass(1);
      if (world.rest !== "asleep") world.come();
      await world.clock.pass(130_000);
      await Promise.all(open);
    }),
    { numRuns: 100 },
  );
});
