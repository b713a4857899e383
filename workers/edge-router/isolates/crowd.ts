/**
 * How many calls of one function by functions are under way. A function that calls itself past the count of hops (by a
 * client that does not carry it on) would fill its process with calls that wait for each other.
 */

/** Far more than functions that call each other need, and far less than what a process can hold. */
const MAX_UNDER_WAY = 100;

export class Crowd {
  readonly #inside = new Map<string, number>();

  /** @returns How to leave, or `null` when it is full. */
  enter(code: string): (() => void) | null {
    const count = this.#inside.get(code) ?? 0;
    if (count >= MAX_UNDER_WAY) return null;
    this.#inside.set(code, count + 1);
    return () => {
      const left = (this.#inside.get(code) ?? 1) - 1;
      if (left > 0) this.#inside.set(code, left);
      else this.#inside.delete(code);
    };
  }
}
