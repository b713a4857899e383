/** One flight a key: whoever asks for what is already being fetched joins it. */
import { type Millis, SECOND } from "#core/time.ts";

/** One that was begun longer ago is not joined: it may have ended with its request, and then never lands. */
const LOST_MS = 10 * SECOND;

interface Flight<T> {
  landing: Promise<T>;
  begunAt: Millis;
}

export class Flights<T> {
  readonly #under = new Map<string, Flight<T>>();

  /** @param keepAlive The flight belongs to the request that began it, which must not end before it. */
  join(
    key: string,
    now: Millis,
    keepAlive: (work: Promise<unknown>) => void,
    begin: () => Promise<T>,
  ): Promise<T> {
    const under = this.#under.get(key);
    if (under && now - under.begunAt < LOST_MS) return under.landing;
    const landing = begin().finally(() => {
      if (this.#under.get(key) === flight) this.#under.delete(key);
    });
    const flight = { landing, begunAt: now };
    this.#under.set(key, flight);
    keepAlive(landing.catch(() => undefined));
    return landing;
  }
}
