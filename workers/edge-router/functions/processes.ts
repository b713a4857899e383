/**
 * The processes that run functions, as the router sees them: who is in flight, whether the process is there, and what is
 * done when it ends. On one machine there are two, `main` and `quarantine`; in production one, which never ends so.
 *
 * Who is to blame for an end is judged when the next process is there, which knows why the last one ended. In quarantine
 * each function has a process of its own, so far as streams allow it: what ends that process has one culprit.
 */
import { type Clock, type Millis, SECOND } from "#core/time.ts";
import type { Place } from "#features/functions/circuit.ts";
import type { Reason } from "#features/functions/suspects.ts";
import { acquit, type Fallen, judge, keepsProcess, placeOf } from "./blame.ts";
import { type Flight, Presences } from "./presences.ts";
import { Turnstile } from "./turnstile.ts";

/** A process is started again in well under a second. */
const RESTART_MS = 8 * SECOND;
/** One that is to be replaced is given so long to become empty, while new calls wait; less when something streams. */
const DRAIN_MS = 2 * SECOND;
/** If a full one did not, it is left alone for so long. */
const AGAIN_MS = 30 * SECOND;
const ASK_EVERY_MS = 50;

/** What a call holds while it is under way. */
export interface Seat {
  where: Place;
  /** Of its process. */
  generation(): number;
  /** The head of the answer has come: others need not wait for its body. */
  answered(): void;
  /** Its answer is a WebSocket. */
  opened(): void;
  /** Its process has said which it is. */
  told(alive: Alive): void;
  /** Its process has said that it is full. */
  full(): void;
  leave(): void;
}

export type Entered =
  | { ok: true; seat: Seat }
  | { ok: false; reason: "open"; retryAt: Millis }
  | { ok: false; reason: "away" };

/** A process says who it is. */
export interface Alive {
  /** `null`: nobody watches it, and it is never replaced. */
  serial: number | null;
  /** Why the one before it ended. */
  why: Reason;
}

/** How the router reaches a process. */
export interface Reach {
  /** @returns `null` when it does not answer, or is to be replaced. */
  ask(where: Place): Promise<Alive | null>;
  /** Asks for it to be replaced; from then on it does not say that it is alive. */
  retire(where: Place): Promise<void>;
}

class Process {
  readonly presences = new Presences();
  /** Raised when another process stands there; a call of an older one knows that it was in it. */
  generation = 0;
  serial: number | null = null;
  isUp = true;
  /** Who was in it when it was seen to end, until that is judged. */
  fallen: Fallen | null = null;
  /** It should be replaced when nothing runs in it, but not before {@link retireAfter}. */
  isFull = false;
  retireAfter: Millis = 0;
  emptying: Promise<void> | null = null;
  coming: Promise<boolean> | null = null;
}

const processes: Record<Place, Process> = { main: new Process(), quarantine: new Process() };
const turnstile = new Turnstile();
// It is started when it is first needed.
processes.quarantine.isUp = false;

/**
 * @param isNested A function in quarantine has asked for it, and waits for it: where it belongs there too, it is let in
 *     beside its caller.
 */
export async function enter(code: string, isNested: boolean, clock: Clock, reach: Reach): Promise<Entered> {
  for (;;) {
    const placed = placeOf(code, clock.now());
    if (placed.to === "nowhere") return { ok: false, reason: "open", retryAt: placed.retryAt };
    const where = placed.to;
    const isBeside = where === "quarantine" && isNested;
    const pass = where === "quarantine" && !isBeside ? await turnstile.enter(code, clock) : () => undefined;
    if (pass === null) return { ok: false, reason: "away" };
    if (!(await isReady(where, isBeside ? null : code, clock, reach))) {
      pass();
      return { ok: false, reason: "away" };
    }
    // What happened while it waited may have placed it elsewhere.
    if (placeOf(code, clock.now()).to === where)
      return { ok: true, seat: seated(where, code, isBeside, clock, pass) };
    pass();
  }
}

function seated(where: Place, code: string, isNested: boolean, clock: Clock, pass: () => void): Seat {
  const process = processes[where];
  const { presences, generation } = process;
  const about = { code, since: clock.now(), generation, isNested };
  const flight: Flight = { ...about, hasAnswered: false, isOpenEnded: false };
  presences.flights.add(flight);
  const answered = () => {
    if (flight.hasAnswered) return;
    flight.hasAnswered = true;
    pass();
  };
  return {
    where,
    generation: () => flight.generation,
    answered,
    opened() {
      flight.isOpenEnded = true;
    },
    told: (alive) => told(where, flight, alive, clock.now()),
    full() {
      process.isFull = true;
    },
    leave() {
      presences.leave(flight, process.generation, clock.now());
      answered();
    },
  };
}

/** A call is the first that its process says something to: it may have been replaced while nobody was in flight. */
function told(where: Place, flight: Flight, alive: Alive, now: Millis): void {
  const process = processes[where];
  const { presences, generation, serial } = process;
  if (alive.serial === null || alive.serial === serial || flight.generation !== generation) return;
  // Somebody has noticed, and asks already.
  if (!process.isUp) return;
  const all = presences
    .all(generation)
    .filter(({ since, leftAt }) => leftAt !== null && since < flight.since);
  const at = Math.max(0, ...all.map(({ leftAt }) => leftAt ?? 0));
  const inside = [...presences.flights].filter((one) => one.generation === generation);
  follow(where, alive, { all, at }, now, flight.since);
  for (const one of inside) one.generation = process.generation;
}

/** Makes sure that a process is there, and that it is one which this code may enter. @param code `null`: any may. */
async function isReady(where: Place, code: string | null, clock: Clock, reach: Reach): Promise<boolean> {
  const process = processes[where];
  const isAsked = where === "quarantine" && process.presences.flights.size === 0;
  // With nobody in flight nobody has seen it end.
  if ((isAsked || !process.isUp) && !(await arrival(where, clock, reach))) return false;
  if (process.emptying || isToBeReplaced(where, code, clock.now())) {
    process.emptying ??= empty(where, clock, reach).finally(() => {
      process.emptying = null;
    });
    await process.emptying;
  }
  return process.isUp || (await arrival(where, clock, reach));
}

function isToBeReplaced(where: Place, code: string | null, now: Millis): boolean {
  const { isFull, retireAfter, serial, presences, generation } = processes[where];
  if (isFull && now >= retireAfter) return true;
  if (where !== "quarantine" || code === null) return false;
  return serial !== null && presences.hasOthers(code, generation);
}

/** Waits until nothing runs in it, and has it replaced. */
async function empty(where: Place, clock: Clock, reach: Reach): Promise<void> {
  const process = processes[where];
  const { flights } = process.presences;
  for (const until = clock.now() + DRAIN_MS; flights.size > 0; ) {
    const streams = [...flights].filter((one) => one.hasAnswered && clock.now() - one.since > SECOND);
    const isKept = streams.some(({ code }) => where === "main" || keepsProcess(code));
    if (isKept || clock.now() > until) {
      process.retireAfter = clock.now() + AGAIN_MS;
      // One that holds its thread is ended before others come in: they would share the blame.
      process.isUp = (await reach.ask(where)) !== null;
      return;
    }
    if (streams.length === flights.size) break;
    await scheduler.wait(ASK_EVERY_MS);
  }
  process.isFull = false;
  process.isUp = false;
  await reach.retire(where);
}

/** A call broke off: its process may have ended. Whoever notices first remembers who was in it. */
export function broke({ where, generation }: Seat, clock: Clock): void {
  const process = processes[where];
  if (process.generation !== generation()) return;
  process.isUp = false;
  process.fallen ??= { all: process.presences.all(process.generation), at: clock.now() };
}

/** @returns Whether the process of a call that broke off has ended, and not only its connection. */
export async function hasEnded({ where, generation }: Seat, clock: Clock, reach: Reach): Promise<boolean> {
  const process = processes[where];
  if (process.generation === generation() && !process.isUp) await arrival(where, clock, reach);
  return process.generation !== generation() || !process.isUp;
}

/** Waits until a process is there. @returns Whether one came. */
function arrival(where: Place, clock: Clock, reach: Reach): Promise<boolean> {
  const process = processes[where];
  process.coming ??= waitFor(where, clock, reach).finally(() => {
    process.coming = null;
  });
  return process.coming;
}

async function waitFor(where: Place, clock: Clock, reach: Reach): Promise<boolean> {
  for (const until = clock.now() + RESTART_MS; clock.now() < until; ) {
    const alive = await reach.ask(where);
    if (alive) {
      arrived(where, alive, clock.now());
      return true;
    }
    await scheduler.wait(ASK_EVERY_MS);
  }
  return false;
}

/** Judges the end of the last one, if it is another. */
function arrived(where: Place, alive: Alive, now: Millis): void {
  const process = processes[where];
  const fallen = process.fallen ?? { all: process.presences.all(process.generation), at: now };
  process.isUp = true;
  process.fallen = null;
  if (alive.serial !== process.serial) follow(where, alive, fallen, now);
  else if (where === "quarantine")
    for (const { code, leftAt } of fallen.all) if (leftAt !== null) acquit(code);
}

/** Another process stands there than before. @param from Who came at this time or later is in it already. */
function follow(where: Place, { serial, why }: Alive, fallen: Fallen, now: Millis, from?: Millis): void {
  const process = processes[where];
  process.serial = serial;
  // It is the first, and those who are in it are.
  if (why === "start") return;
  judge(where, fallen, why, now);
  process.generation++;
  process.isFull = false;
  process.presences.clear(from);
}
