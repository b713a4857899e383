/** Lets in the calls of one function at a time; those of others wait, in order. */
import { SECOND } from "#core/time.ts";

/** Longer than a function may take to answer. */
const PATIENCE_MS = 30 * SECOND;

interface Waiting {
  code: string;
  admit(): void;
}

export class Turnstile {
  #inside = "";
  #count = 0;
  #waiting: Waiting[] = [];

  /** @returns How to leave, or `null` when its turn did not come in time. */
  async enter(code: string): Promise<(() => void) | null> {
    if (this.#count === 0 || (this.#inside === code && this.#waiting.length === 0)) {
      this.#inside = code;
      this.#count++;
      return () => this.#leave();
    }
    const turn = new Promise<true>((resolve) => {
      this.#waiting.push({ code, admit: () => resolve(true) });
    });
    const own = this.#waiting.at(-1);
    if (await Promise.race([turn, scheduler.wait(PATIENCE_MS).then(() => false)])) return () => this.#leave();
    const isStill = this.#waiting.some((one) => one === own);
    this.#waiting = this.#waiting.filter((one) => one !== own);
    // Admitted at the very moment: the place is given back.
    if (!isStill) this.#leave();
    return null;
  }

  #leave(): void {
    this.#count--;
    if (this.#count > 0) return;
    const first = this.#waiting[0];
    if (!first) return;
    this.#inside = first.code;
    const next = this.#waiting.filter((one) => one.code === first.code);
    this.#waiting = this.#waiting.filter((one) => one.code !== first.code);
    this.#count = next.length;
    for (const one of next) one.admit();
  }
}
