/** One flight a key: whoever asks for what is already being fetched joins it. */
export class Flights<T> {
  readonly #under = new Map<string, Promise<T>>();

  /** @param keepAlive The flight belongs to the request that began it, which must not end before it. */
  join(key: string, keepAlive: (work: Promise<unknown>) => void, begin: () => Promise<T>): Promise<T> {
    const under = this.#under.get(key);
    if (under) return under;
    const flight = begin().finally(() => this.#under.delete(key));
    this.#under.set(key, flight);
    keepAlive(flight.catch(() => undefined));
    return flight;
  }
}
