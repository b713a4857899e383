/**
 * The processes that run functions, as the router sees them: who is in flight, whether the process is there, and what is
 * done when it ends. On one machine there are two, `main` and `quarantine`; in production one, which never ends so.
 */
import { type Clock, type Millis, SECOND } from "#core/time.ts";
import { type Circuits, ended, forgive, noCircuits, type Place, place } from "#features/functions/circuit.ts";
import { culpritsOf, type Flight, suspectsOf } from "#features/functions/suspects.ts";
import { Turnstile } from "./turnstile.ts";

/** A process is started again in well under a second. */
const RESTART_MS = 8 * SECOND;
/** A full process is given so long to become empty, while new calls wait; less when something streams from it. */
const DRAIN_MS = 2 * SECOND;
/** If it did not, it is left alone for so long. */
const AGAIN_MS = 30 * SECOND;
const ASK_EVERY_MS = 50;

/** What a call holds while it is under way. */
export interface Seat {
  where: Place;
  generation: number;
  /** The head of the answer has come: others need not wait for its body. */
  answered(): void;
  /** Its process has said that it is full. */
  full(): void;
  leave(): void;
}

export type Entered =
  | { ok: true; seat: Seat }
  | { ok: false; reason: "open"; retryAt: Millis }
  | { ok: false; reason: "away" };

/** How the router reaches a process. */
export interface Reach {
  isAlive(where: Place): Promise<boolean>;
  /** Asks for it to be replaced; from then on it is not alive. */
  retire(where: Place): Promise<void>;
}

class Process {
  readonly flights = new Set<Flight>();
  /** Raised when it ends; a call of an older one knows that it was in it. */
  generation = 0;
  isUp = true;
  /** It should be replaced when nothing runs in it, but not before {@link retireAfter}. */
  isFull = false;
  retireAfter: Millis = 0;
  emptying: Promise<void> | null = null;
}

let circuits: Circuits = noCircuits;
const processes: Record<Place, Process> = { main: new Process(), quarantine: new Process() };
const turnstile = new Turnstile();
// It is started when it is first needed.
processes.quarantine.isUp = false;

export async function enter(code: string, clock: Clock, reach: Reach): Promise<Entered> {
  circuits = forgive(circuits, clock.now());
  const placed = place(circuits, code, clock.now());
  if (placed.to === "nowhere") return { ok: false, reason: "open", retryAt: placed.retryAt };
  const where = placed.to;
  const pass = where === "quarantine" ? await turnstile.enter(code) : () => undefined;
  if (pass === null) return { ok: false, reason: "away" };
  const process = processes[where];
  if (process.isFull && clock.now() >= process.retireAfter) {
    process.emptying ??= empty(where, process, clock, reach).finally(() => {
      process.emptying = null;
    });
    await process.emptying;
  }
  if (!process.isUp && !(await waitFor(where, process, clock, reach))) {
    pass();
    return { ok: false, reason: "away" };
  }
  // What happened while it waited may have opened its circuit.
  const now = place(circuits, code, clock.now());
  if (now.to === "nowhere") {
    pass();
    return { ok: false, reason: "open", retryAt: now.retryAt };
  }
  const flight: Flight = { code, since: clock.now(), hasAnswered: false };
  process.flights.add(flight);
  const answered = () => {
    if (flight.hasAnswered) return;
    flight.hasAnswered = true;
    pass();
  };
  const leave = () => {
    process.flights.delete(flight);
    answered();
  };
  const full = () => {
    process.isFull = true;
  };
  return { ok: true, seat: { where, generation: process.generation, answered, full, leave } };
}

/** Waits until nothing runs in it, and has it replaced. */
async function empty(where: Place, process: Process, clock: Clock, reach: Reach): Promise<void> {
  for (const until = clock.now() + DRAIN_MS; process.flights.size > 0; ) {
    const hasStreams = [...process.flights].some(
      (one) => one.hasAnswered && clock.now() - one.since > SECOND,
    );
    if (hasStreams || clock.now() > until) {
      process.retireAfter = clock.now() + AGAIN_MS;
      return;
    }
    await scheduler.wait(ASK_EVERY_MS);
  }
  process.isFull = false;
  process.isUp = false;
  process.generation++;
  await reach.retire(where);
}

/** A call broke off: its process has ended. Whoever notices first judges for all. */
export function broke({ where, generation }: Seat, clock: Clock): void {
  const process = processes[where];
  if (process.generation !== generation) return;
  process.generation++;
  process.isUp = false;
  const flights = [...process.flights];
  const now = clock.now();
  circuits = ended(circuits, where, suspectsOf(flights, now), culpritsOf(flights), now);
}

async function waitFor(where: Place, process: Process, clock: Clock, reach: Reach): Promise<boolean> {
  for (const until = clock.now() + RESTART_MS; clock.now() < until; ) {
    if (await reach.isAlive(where)) {
      process.isUp = true;
      process.isFull = false;
      return true;
    }
    await scheduler.wait(ASK_EVERY_MS);
  }
  return false;
}
