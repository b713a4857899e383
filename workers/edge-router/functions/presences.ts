/** Who is in a process, and who was, since it started. */
import type { Millis } from "#core/time.ts";
import type { Presence } from "#features/functions/suspects.ts";

/** A call under way. */
export interface Flight {
  /** Code id. */
  code: string;
  since: Millis;
  /** The head of its answer has come; its body may take long. */
  hasAnswered: boolean;
  /** See {@link Presence}. */
  isOpenEnded: boolean;
  isNested: boolean;
  /** Of its process. */
  generation: number;
}

/** More codes than these are not all looked at in the time that counts. */
const MAX_LEFT = 1_000;

export class Presences {
  readonly flights = new Set<Flight>();
  /** By code, its last call; who left last stands last. */
  readonly #left = new Map<string, Presence>();

  leave(flight: Flight, generation: number, now: Millis): void {
    if (!this.flights.delete(flight) || flight.generation !== generation) return;
    const { code } = flight;
    const before = this.#left.get(code);
    const isOpenEnded = flight.isOpenEnded || before?.isOpenEnded === true;
    const isNested = flight.isNested && (!before || before.isNested === true);
    this.#left.delete(code);
    this.#left.set(code, presenceOf({ ...flight, isOpenEnded, isNested }, now));
    const [oldest] = this.#left.keys();
    if (this.#left.size > MAX_LEFT && oldest !== undefined) this.#left.delete(oldest);
  }

  /** A call of an older process, which has yet to hear of its end, is not in this one. */
  all(generation: number): Presence[] {
    const inside = [...this.flights].filter((flight) => flight.generation === generation);
    return [...inside.map((flight) => presenceOf(flight, null)), ...this.#left.values()];
  }

  hasOthers(code: string, generation: number): boolean {
    return this.all(generation).some((one) => one.code !== code);
  }

  /** Another process stands there. @param from Who came at this time or later is in it already. */
  clear(from = Number.POSITIVE_INFINITY): void {
    for (const [code, { since }] of this.#left) if (since < from) this.#left.delete(code);
  }
}

const presenceOf = ({ code, since, isOpenEnded, isNested }: Flight, leftAt: Millis | null): Presence => ({
  code,
  since,
  leftAt,
  ...(isOpenEnded ? { isOpenEnded } : {}),
  ...(isNested ? { isNested } : {}),
});
