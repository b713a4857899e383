/** Who may have ended a process. */
import { type Millis, SECOND } from "#core/time.ts";

/** The watchdog waits longer than this before it ends a process: who came later only stood behind the culprit. */
const CULPRIT_MS = SECOND;

/** A call under way. */
export interface Flight {
  /** Code id. */
  code: string;
  since: Millis;
  /** The head of its answer has come; its body may take long. */
  hasAnswered: boolean;
}

/** @returns Code ids: those that were long in flight, or, when the end came quickly, all. */
export function suspectsOf(flights: readonly Flight[], now: Millis): Set<string> {
  const long = flights.filter((flight) => now - flight.since >= CULPRIT_MS);
  return new Set((long.length > 0 ? long : flights).map((flight) => flight.code));
}

/**
 * Who it must have been. In quarantine the calls of one function at a time wait for an answer, so it was that one, or
 * else the only one there.
 *
 * @returns Code ids; empty when several had answered, and any of them may have done it.
 */
export function culpritsOf(flights: readonly Flight[]): Set<string> {
  const all = new Set(flights.map((flight) => flight.code));
  const silent = new Set(flights.filter((flight) => !flight.hasAnswered).map((flight) => flight.code));
  return silent.size > 0 || all.size > 1 ? silent : all;
}
