/** Lets in the calls of one function at a time; those of others wait, in order, and who took long before goes last. */
import { type Clock, type Millis, SECOND } from "#core/time.ts";

/** Longer than a function may take to answer. */
const PATIENCE_MS = 30 * SECOND;

/** Functions whose last turn is remembered. */
const MAX_KNOWN = 1_000;

interface Waiting {
  code: string;
  admit(): void;
}

export class Turnstile {
  #inside = "";
  #count = 0;
  #waiting: Waiting[] = [];
  #since: Millis = 0;
  /** How long the last turn of each took, to the answer. */
  readonly #took = new Map<string, Millis>();

  /** @returns How to leave, or `null` when its turn did not come in time. */
  async enter(code: string, clock: Clock): Promise<(() => void) | null> {
    if (this.#count === 0 || (this.#inside === code && this.#waiting.length === 0)) {
      if (this.#count === 0) this.#since = clock.now();
      this.#inside = code;
      this.#count++;
      return () => this.#leave(clock);
    }
    const turn = new Promise<true>((resolve) => {
      this.#waiting.push({ code, admit: () => resolve(true) });
    });
    const own = this.#waiting.at(-1);
    if (await Promise.race([turn, scheduler.wait(PATIENCE_MS).then(() => false)]))
      return () => this.#leave(clock);
    const isStill = this.#waiting.some((one) => one === own);
    this.#waiting = this.#waiting.filter((one) => one !== own);
    // Admitted at the very moment: the place is given back.
    if (!isStill) this.#leave(clock);
    return null;
  }

  #leave(clock: Clock): void {
    this.#count--;
    if (this.#count > 0) return;
    const now = clock.now();
    if (this.#took.size > MAX_KNOWN) this.#took.clear();
    this.#took.set(this.#inside, now - this.#since);
    const [first] = this.#waiting.toSorted((a, b) => this.#known(a) - this.#known(b));
    if (!first) return;
    this.#since = now;
    this.#inside = first.code;
    const next = this.#waiting.filter((one) => one.code === first.code);
    this.#waiting = this.#waiting.filter((one) => one.code !== first.code);
    this.#count = next.length;
    for (const one of next) one.admit();
  }

  /** Seconds, since less tells nothing. */
  #known({ code }: Waiting): number {
    return Math.floor((this.#took.get(code) ?? 0) / SECOND);
  }
}
