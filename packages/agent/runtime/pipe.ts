/** The pipe on which lines leave. It never makes a function wait: a reader that is slow loses lines, which are counted. */
import type { Writable } from "node:stream";
import type { FunctionLine } from "../process/contract.ts";

/** Bytes that wait for the reader, at most. */
const MAX_PENDING = 1024 * 1024;

export class LinePipe {
  readonly #out: Writable;
  /** The stream's own: what is written to standard output by others is captured, and comes here. */
  readonly #write: Writable["write"];
  #dropped = 0;

  constructor(out: Writable) {
    this.#out = out;
    this.#write = out.write.bind(out);
    out.on("drain", () => this.#tellDropped());
  }

  readonly emit = (line: FunctionLine): void => {
    if (this.#out.writableLength > MAX_PENDING) this.#dropped++;
    else this.#write(`${JSON.stringify(line)}\n`, "utf8");
  };

  /** Resolves when everything is with the reader, or can't be. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#out.destroyed) resolve();
      else this.#write("", "utf8", () => resolve());
    });
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const text = `${this.#dropped} lines were dropped: they came faster than they could be taken.`;
    this.#dropped = 0;
    this.emit({ function: null, level: "warn", at: Date.now(), text });
  }
}
