/**
 * Takes secrets out of a stream of bytes, wherever its chunks are cut, in every form that `secretForms` knows, and broken
 * by line ends or by what a console puts between two arguments (base64 is often wrapped at 76 characters).
 * What may be the beginning of a secret is held back until it is known to be none.
 */
import { SECRET_LENGTH, secretForms } from "@cloudify/protocol";
import { Needles, ROOT } from "./needles.ts";

/** A shorter form says next to nothing of its value. */
const NEEDLE_LENGTH = 6;
/** So many bytes of a secret's beginning are let go when nothing follows: a last line ends with one of them by chance. */
const HINT_LENGTH = 4;
const MASK = Buffer.from("[redacted]");

/** White space, quotes and commas are looked through. */
const BETWEEN = new Uint8Array(256);
for (const one of Buffer.from("\t\n\v\f\r \"'`,")) BETWEEN[one] = 1;

/** Made once for all streams of a build. */
export function needlesOf(secrets: readonly string[]): Needles {
  const forms = secrets.filter((value) => value.length >= SECRET_LENGTH).flatMap(secretForms);
  const bare = forms.map((form) => form.replace(/[\t\n\v\f\r "'`,]+/g, ""));
  const needles = [...new Set(bare)].map((form) => Buffer.from(form, "utf8"));
  return new Needles(needles.filter((bytes) => bytes.length >= NEEDLE_LENGTH));
}

export class Redactor {
  readonly #needles: Needles;
  #state = ROOT;
  /** What is held back, whether each byte of it is a secret's, and where in it those stand that were compared. */
  #held: number[] = [];
  #isSecret: boolean[] = [];
  #compared: number[] = [];
  #wasMasked = false;

  constructor(needles: Needles) {
    this.#needles = needles;
  }

  /** @returns What of the stream can be told now. */
  push(chunk: Uint8Array): Buffer {
    const out: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; at++) {
      if (this.#held.length === 0 && this.#state === ROOT) {
        // By far the most: nothing is held, and nothing begins.
        const to = this.#beginningIn(chunk, at);
        if (to > at) {
          out.push(chunk.subarray(at, to));
          this.#wasMasked = false;
          at = to;
        }
        if (at === chunk.length) break;
      }
      const byte = chunk[at] ?? 0;
      this.#held.push(byte);
      this.#isSecret.push(false);
      if (BETWEEN[byte] !== 1) {
        this.#compared.push(this.#held.length - 1);
        this.#state = this.#needles.step(this.#state, byte);
        this.#mark(this.#needles.hit(this.#state)?.length ?? 0);
      }
      const depth = this.#needles.depth(this.#state);
      if (depth === 0 || this.#held.length > 2 * depth + HINT_LENGTH) this.#letGo(this.#firstOf(depth), out);
    }
    this.#letGo(this.#firstOf(this.#needles.depth(this.#state)), out);
    return Buffer.concat(out);
  }

  /** Where the first byte stands that may be a secret's first. */
  #beginningIn(chunk: Uint8Array, from: number): number {
    if (this.#needles.longest === 0) return chunk.length;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      const next = chunk[at + 1];
      if (next === undefined || BETWEEN[next] === 1) {
        if (this.#needles.step(ROOT, byte) !== ROOT) return at;
      } else if (this.#needles.mayBegin(byte, next)) return at;
    }
    return chunk.length;
  }

  /**
   * Nothing has come for a while: what is held is told if it is no more than a hint, or masked anyhow (a line that ends with
   * a secret). What follows is still compared.
   */
  idle(): Buffer {
    const out: Uint8Array[] = [];
    const isMasked = this.#compared.every((at) => this.#isSecret[at]);
    if (isMasked || this.#needles.depth(this.#state) < HINT_LENGTH) this.#letGo(this.#held.length, out);
    return Buffer.concat(out);
  }

  /** The stream has ended; a secret's beginning at its end is taken for the secret. */
  end(): Buffer {
    const depth = this.#needles.depth(this.#state);
    if (depth >= HINT_LENGTH) this.#mark(depth);
    const out: Uint8Array[] = [];
    this.#letGo(this.#held.length, out);
    this.#state = ROOT;
    this.#wasMasked = false;
    return Buffer.concat(out);
  }

  #mark(length: number): void {
    if (length === 0) return;
    for (let at = this.#firstOf(length); at < this.#held.length; at++) this.#isSecret[at] = true;
  }

  /** Where in what is held the last so many compared bytes begin. Some may have been let go. */
  #firstOf(length: number): number {
    if (length === 0) return this.#held.length;
    return length > this.#compared.length ? 0 : (this.#compared[this.#compared.length - length] ?? 0);
  }

  #letGo(count: number, out: Uint8Array[]): void {
    if (count === 0) return;
    const told: number[] = [];
    for (let at = 0; at < count; at++) {
      const isSecret = this.#isSecret[at] === true;
      if (!isSecret) told.push(this.#held[at] ?? 0);
      else if (!this.#wasMasked) told.push(...MASK);
      this.#wasMasked = isSecret;
    }
    out.push(Uint8Array.from(told));
    this.#held = this.#held.slice(count);
    this.#isSecret = this.#isSecret.slice(count);
    this.#compared = this.#compared.map((at) => at - count).filter((at) => at >= 0);
  }
}
