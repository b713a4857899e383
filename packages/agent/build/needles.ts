/**
 * Finds any of many byte strings in one pass over a stream (Aho and Corasick): a build may have a hundred secrets in a
 * dozen forms each, and print a gigabyte. Knows neither what the strings stand for nor where the bytes come from.
 */

const BYTES = 256;
export const ROOT = 0;

export interface Hit {
  /** Which of the strings: its place in the list. The longest, when several end here. */
  needle: number;
  /** In bytes. */
  length: number;
}

export class Needles {
  /** State and byte → state. */
  readonly #next = new Map<number, number>();
  /** From the root, where most bytes are met: no look-up. */
  readonly #first = new Int32Array(BYTES);
  readonly #fail: number[] = [ROOT];
  readonly #depth: number[] = [0];
  readonly #hit: (Hit | null)[] = [null];
  /** By two bytes: whether a string begins with them. Most text is passed over by this alone. */
  readonly #beginning = new Uint8Array(BYTES * BYTES);

  /** Length of the longest, in bytes. */
  readonly longest: number;

  /** @param needles None of them empty. */
  constructor(needles: readonly Uint8Array[]) {
    for (const [needle, bytes] of needles.entries()) this.#add(needle, bytes);
    this.#link();
    this.longest = needles.reduce((most, one) => Math.max(most, one.length), 0);
  }

  /** Whether one of the strings begins with these two; those of one byte do not. */
  mayBegin(byte: number, next: number): boolean {
    return this.#beginning[byte * BYTES + next] === 1;
  }

  /** How many of the bytes before may be the beginning of a string. */
  depth(state: number): number {
    return this.#depth[state] ?? 0;
  }

  /** What ends with the byte that led here. */
  hit(state: number): Hit | null {
    return this.#hit[state] ?? null;
  }

  step(state: number, byte: number): number {
    for (let at = state; at !== ROOT; at = this.#fail[at] ?? ROOT) {
      const next = this.#next.get(at * BYTES + byte);
      if (next !== undefined) return next;
    }
    return this.#first[byte] ?? ROOT;
  }

  #add(needle: number, bytes: Uint8Array): void {
    let at = ROOT;
    const [first, second] = bytes;
    if (first !== undefined && second !== undefined) this.#beginning[first * BYTES + second] = 1;
    for (const byte of bytes) {
      const known = at === ROOT ? this.#first[byte] : this.#next.get(at * BYTES + byte);
      if (known) {
        at = known;
        continue;
      }
      const made = this.#depth.push((this.#depth[at] ?? 0) + 1) - 1;
      this.#fail.push(ROOT);
      this.#hit.push(null);
      if (at === ROOT) this.#first[byte] = made;
      else this.#next.set(at * BYTES + byte, made);
      at = made;
    }
    this.#hit[at] ??= { needle, length: bytes.length };
  }

  /** By depth: what a state falls back to is always less deep, and done before. */
  #link(): void {
    const edges = [...this.#next].map(([key, to]) => ({
      from: Math.floor(key / BYTES),
      byte: key % BYTES,
      to,
    }));
    edges.sort((a, b) => (this.#depth[a.to] ?? 0) - (this.#depth[b.to] ?? 0));
    for (const { from, byte, to } of edges) {
      const back = this.step(this.#fail[from] ?? ROOT, byte);
      this.#fail[to] = back;
      this.#hit[to] ??= this.#hit[back] ?? null;
    }
  }
}
