/** One piece of work at a time, and only so many that wait. */
export class OneAtATime {
  readonly #maxWaiting: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** @returns `null`, at once, when too many wait already. @throws What the work throws; the next one begins all the same. */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#waiting > this.#maxWaiting) return null;
    this.#waiting++;
    const before = this.#last;
    const mine = before.then(work).finally(() => this.#waiting--);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
