/**
 * A small memory in front of a slow truth: fresh values answer at once, ageing ones answer at once and are refreshed
 * behind the answer, old ones wait for the truth but fall back on the old value when it does not come. One flight a
 * key, however many requests ask. It knows neither what it keeps nor where that comes from.
 */
import type { Clock, Millis } from "#core/time.ts";
import { Flights } from "../storage/flights.ts";

export interface Ages {
  /** Up to this age a value is used without a question. */
  fresh: Millis;
  /** Up to this age it is used, and refreshed behind the answer. */
  ageing: Millis;
  /** After a failed refresh the old value is used without a question for this long. */
  backOff: Millis;
}

interface Entry<T> {
  value: T;
  at: Millis;
  quietUntil: Millis;
}

/** Keeps a promise alive after the answer has gone. */
export type KeepAlive = (work: Promise<unknown>) => void;

/** Calls back after so long, unless what it returns is called before. */
export type Timer = (after: Millis, act: () => void) => () => void;

const systemTimer: Timer = (after, act) => {
  const timer = setTimeout(act, after);
  return () => clearTimeout(timer);
};

export class Memo<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #flights = new Flights<T>();
  readonly #agesOf: (value: T) => Ages;
  readonly #patience: Millis;
  readonly #capacity: number;
  readonly #newer: (held: T, found: T) => T;
  readonly #timer: Timer;

  /**
   * @param agesOf How long a value lasts; one that says "there is none" may last shorter.
   * @param patience How long an answer waits for the truth before it falls back.
   * @param capacity Keys; the one unused for longest goes first.
   * @param newer Chooses between what is held and what a refresh found, so that a lagging copy can't turn time back.
   * @param timer Of patience; the simulation's is virtual.
   */
  constructor(
    agesOf: (value: T) => Ages,
    patience: Millis,
    capacity: number,
    newer: (held: T, found: T) => T = (_, found) => found,
    timer: Timer = systemTimer,
  ) {
    this.#patience = patience;
    this.#agesOf = agesOf;
    this.#capacity = capacity;
    this.#newer = newer;
    this.#timer = timer;
  }

  /**
   * @param load Reads the truth.
   * @param fallback Read when there is nothing held and the truth fails or is slow; its value is used but not kept.
   * @throws What `load` threw twice when nothing is held and there is no fallback.
   */
  async get(
    key: string,
    clock: Clock,
    keepAlive: KeepAlive,
    load: () => Promise<T>,
    fallback?: () => Promise<T>,
  ): Promise<T> {
    const now = clock.now();
    const held = this.#entries.get(key);
    if (held) {
      this.#touch(key, held);
      const age = now - held.at;
      const ages = this.#agesOf(held.value);
      if (age < ages.fresh || now < held.quietUntil) return held.value;
      const flight = this.#fly(key, clock, keepAlive, load);
      if (age < ages.ageing) return held.value;
      return this.#within(flight, this.#patience, async () => held.value);
    }
    const flight = this.#fly(key, clock, keepAlive, load);
    return this.#within(flight, this.#patience, fallback ?? load);
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  #fly(key: string, clock: Clock, keepAlive: KeepAlive, load: () => Promise<T>): Promise<T> {
    return this.#flights.join(key, clock.now(), keepAlive, async () => {
      try {
        const found = await load();
        const held = this.#entries.get(key);
        const value = held ? this.#newer(held.value, found) : found;
        this.#touch(key, { value, at: clock.now(), quietUntil: 0 });
        return value;
      } catch (error) {
        const held = this.#entries.get(key);
        if (held) held.quietUntil = clock.now() + this.#agesOf(held.value).backOff;
        throw error;
      }
    });
  }

  /** A flight belongs to the request that began it, and may end with it: nobody else waits without a limit. */
  async #within(flight: Promise<T>, patience: Millis, otherwise: () => Promise<T>): Promise<T> {
    let stop = () => {};
    const late = new Promise<"late">((resolve) => {
      stop = this.#timer(patience, () => resolve("late"));
    });
    try {
      const first = await Promise.race([flight.then((value) => ({ value })), late]);
      return first === "late" ? await otherwise() : first.value;
    } catch {
      return await otherwise();
    } finally {
      stop();
    }
  }

  /** Map order is use order: the first key is the one unused for longest. */
  #touch(key: string, entry: Entry<T>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#capacity) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
