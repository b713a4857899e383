/** One thing at a time for a name, in the order in which they came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** @returns What `act` comes to, once all before it are over, however they ended. */
  take<T>(name: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const done = before.then(act);
    const settled = done.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(name, settled);
    void settled.then(() => this.#last.get(name) === settled && this.#last.delete(name));
    return done;
  }
}
