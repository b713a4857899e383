/** Lines of functions, as their deployment's log tells them. */
import type { Client, LogRow } from "@cloudify/sdk";

/** What a function writes comes behind its answer. */
const PATIENCE_MS = 1_500;
/** Of a deployment that was followed by another, for what is still under way. */
const GRACE_MS = 2_000;
const AGAIN_MS = 500;
const KEPT = 200;

const STREAM = "function:";
/** The platform's own row of each call: the terminal has one of its own. */
const SUMMARY = /^[A-Z]+ \S+ \d{3} in \d+ ms/;
const FRAMES = /\n\s+at /;

export interface Line {
  /** The output's name: `api/users/[id]`. */
  name: string;
  level: LogRow["level"];
  text: string;
  at: number;
}

export class Lines {
  readonly #client: Client;
  readonly #onLine: (line: Line) => void;
  readonly #ends = new Set<AbortController>();
  #deployment = "";
  #recent: Line[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(client: Client, onLine: (line: Line) => void) {
    this.#client = client;
    this.#onLine = onLine;
  }

  /** From here on, instead of the one before. */
  follow(deployment: string): void {
    if (deployment === this.#deployment) return;
    this.#deployment = deployment;
    for (const one of this.#ends) setTimeout(() => one.abort(), GRACE_MS).unref();
    const end = new AbortController();
    this.#ends.add(end);
    void this.#read(deployment, end.signal).finally(() => this.#ends.delete(end));
  }

  stop(): void {
    for (const one of this.#ends) one.abort();
  }

  /**
   * What was thrown in a request, by the function that failed in it: the platform's row of the call tells which.
   *
   * @param request Its id. @param since Unix milliseconds: when it came.
   * @returns The last error with frames, before which the function may have logged others; the last without when none
   * comes; `null`: nothing came.
   */
  async failureOf(request: string, since: number): Promise<Line | null> {
    const errors = (): Line[] => {
      const call = this.#recent.find(
        ({ text }) => SUMMARY.test(text) && text.includes(`request ${request}, function_failed`),
      );
      return this.#recent.filter(
        ({ name, level, text, at }) =>
          name === call?.name && level === "error" && at >= since && !SUMMARY.test(text),
      );
    };
    const { promise, resolve } = Promise.withResolvers<Line | null>();
    const look = () => {
      const found = errors().findLast(({ text }) => FRAMES.test(text));
      if (found) resolve(found);
    };
    this.#waiting.add(look);
    const timer = setTimeout(() => resolve(errors().at(-1) ?? null), PATIENCE_MS);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    });
  }

  async #read(deployment: string, signal: AbortSignal): Promise<void> {
    for (let after = 0; !signal.aborted; ) {
      try {
        for await (const row of this.#client.follow(deployment, after, signal)) {
          after = row.seq;
          this.#take(row);
        }
      } catch {
        // The platform is stopping, or will answer again in a moment.
      }
      // It has ended: nothing of it writes at the moment.
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
    }
  }

  #take({ stream, level, text, at }: LogRow): void {
    if (!stream.startsWith(STREAM)) return;
    const line = { name: stream.slice(STREAM.length), level, text, at };
    this.#recent = [...this.#recent, line].slice(-KEPT);
    for (const look of this.#waiting) look();
    if (!SUMMARY.test(text)) this.#onLine(line);
  }
}
