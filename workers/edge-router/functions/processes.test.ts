import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Place } from "#features/functions/circuit.ts";
import type { Alive, Reach } from "./processes.ts";

/** What is remembered is of the module: each test has its own. */
let processes: typeof import("./processes.ts");
let now: number;
let alive: Record<Place, Alive>;
const clock = { now: () => now };
/** Processes that do not answer. */
let silent: Set<Place>;
let retired: Place[];
const reach: Reach = {
  ask: async (where) => (silent.has(where) ? null : alive[where]),
  retire: async (where) => void retired.push(where),
};
const idOf = (name: string) => `project-of-${name}/dpl/code/-/${name}`;

beforeEach(async () => {
  vi.resetModules();
  processes = await import("./processes.ts");
  now = 0;
  silent = new Set();
  retired = [];
  alive = { main: { serial: 1, why: "start" }, quarantine: { serial: 1, why: "start" } };
});

afterEach(() => vi.unstubAllGlobals());

async function seatOf(name: string) {
  const entered = await processes.enter(idOf(name), false, clock, reach);
  if (!entered.ok) throw new Error(entered.reason);
  return entered.seat;
}

/** A call that answers after ten milliseconds; where it ran. @param isCold The first of its function in the process. */
async function called(name: string, isCold = true): Promise<Place> {
  const seat = await seatOf(name);
  if (isCold) seat.told(alive[seat.where]);
  now += 10;
  seat.leave();
  return seat.where;
}

test("an end that nobody saw is judged by who was in that process, and not by who is in the next one", async () => {
  await called("early");
  now = 60_000;
  await called("last");
  now = 120_000;
  alive.main = { serial: 2, why: "silence" };
  expect(await called("next")).toBe("main");
  expect(await called("early")).toBe("main");
  expect(await called("next", false)).toBe("main");
  expect(await called("last")).toBe("quarantine");
});

test("those who were called in a process before it said which it is are in it still when it ends", async () => {
  const streams = await seatOf("streams");
  streams.told(alive.main);
  streams.answered();
  now = 5_000;
  const waits = await seatOf("waits");
  now = 5_200;
  alive.main = { serial: 2, why: "silence" };
  processes.broke(waits, clock);
  waits.leave();
  streams.leave();
  expect(await processes.hasEnded(waits, clock, reach)).toBe(true);
  expect([await called("streams"), await called("waits")]).toEqual(["quarantine", "main"]);
});

test("a connection that broke while its process goes on is no end, of anybody", async () => {
  await called("neighbour");
  const seat = await seatOf("breaks");
  now += 2_000;
  processes.broke(seat, clock);
  seat.leave();
  expect(await processes.hasEnded(seat, clock, reach)).toBe(false);
  expect([await called("breaks", false), await called("neighbour", false)]).toEqual(["main", "main"]);
});

/** What happens while they wait for a process. */
function whileWaiting(happens: () => void): void {
  vi.stubGlobal("scheduler", {
    wait: async (ms: number) => {
      now += ms;
      happens();
    },
  });
}

/** They were in flight together when a process fell silent, and have heard of it. */
async function endedTogether(where: Place, ...seats: Awaited<ReturnType<typeof seatOf>>[]): Promise<void> {
  now += 2_000;
  alive[where] = { serial: (alive[where].serial ?? 0) + 1, why: "silence" };
  for (const seat of seats) {
    processes.broke(seat, clock);
    seat.leave();
  }
  for (const seat of seats) expect(await processes.hasEnded(seat, clock, reach)).toBe(true);
}

test("a stream in quarantine that holds its thread is ended before anybody is let in beside it", async () => {
  await endedTogether("main", await seatOf("streams"), await seatOf("neighbour"));
  const stream = await seatOf("streams");
  expect(stream.where).toBe("quarantine");
  stream.answered();
  now += 1_200;
  silent.add("quarantine");
  whileWaiting(() => {
    silent.clear();
    alive.quarantine = { serial: 2, why: "silence" };
    stream.leave();
  });
  // With that it is proved, and who only stood beside it goes home.
  expect(await called("neighbour")).toBe("main");
  expect(await processes.enter(idOf("streams"), false, clock, reach)).toMatchObject({ reason: "open" });
});

test("who shared the end of a process in quarantine shares no other by a stream", async () => {
  await endedTogether("main", await seatOf("streams"), await seatOf("neighbour"));
  for (const isFirst of [true, false]) {
    const stream = await seatOf("streams");
    stream.told(alive.quarantine);
    stream.answered();
    now += 1_200;
    whileWaiting(() => undefined);
    const beside = await seatOf("neighbour");
    expect([beside.where, retired]).toEqual(["quarantine", isFirst ? [] : ["quarantine"]]);
    if (isFirst) await endedTogether("quarantine", stream, beside);
  }
});
