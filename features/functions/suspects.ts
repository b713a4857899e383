/** Who may have ended a process. */
import { type Millis, SECOND } from "#core/time.ts";

/** The watchdog waits longer than this before it ends a process: who came later only stood behind the culprit. */
const CULPRIT_MS = SECOND;

/** @returns Code ids: those that were long in flight, or, when the end came quickly, all. */
export function suspectsOf(flights: readonly { code: string; since: Millis }[], now: Millis): Set<string> {
  const long = flights.filter((flight) => now - flight.since >= CULPRIT_MS);
  return new Set((long.length > 0 ? long : flights).map((flight) => flight.code));
}
