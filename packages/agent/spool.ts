/**
 * Lines of one deployment on their way: numbered, written down, and forgotten once they are acknowledged. What does not
 * fit is counted, and its count takes its place in the log.
 *
 * A line's number is the time, or one more than the last: so a stream whose file was lost goes on above what it had said.
 */
import type { AgentLine } from "@cloudify/protocol";
import type { Storage } from "./seams.ts";

/** Of one deployment, while nobody takes them. */
export const MAX_SPOOL_BYTES = 8 * 1_024 * 1_024;
/** Of its build, which says all it has to say in bursts, and in no more than 16 MiB of text. */
const MAX_BUILD_BYTES = 4 * MAX_SPOOL_BYTES;
/** What the functions of one deployment may say in a second; the control plane takes no more. */
export const LINES_A_SECOND = 1_000;
export const BYTES_A_SECOND = 256 * 1_024;
/** Text of a line, beside its length in UTF-16. */
const LINE_OVERHEAD = 100;

export type NewLine = Omit<AgentLine, "n" | "gap">;

export class Spool {
  #storage: Storage;
  #file: string;
  #lines: AgentLine[] = [];
  /** Of {@link #lines}: so many are on disk, and may be sent. */
  #written = 0;
  #bytes = 0;
  #last = new Map<string, number>();
  #gaps = new Map<string, number>();
  /** Ends what a crash, or a full disk, left of a line: what is appended to it could not be read again. */
  #seam = "";
  #second = { from: Number.NEGATIVE_INFINITY, lines: 0, bytes: 0 };

  constructor(storage: Storage, file: string) {
    this.#storage = storage;
    this.#file = file;
    const held = storage.read(file) ?? "";
    if (held !== "" && !held.endsWith("\n")) this.#seam = "\n";
    for (const text of held.split("\n")) {
      const line = parsed(text);
      if (!line) continue;
      this.#last.set(line.stream, Math.max(line.n, this.#last.get(line.stream) ?? 0));
      if ("text" in line) this.#lines.push(line);
    }
    this.#written = this.#lines.length;
    this.#bytes = this.#lines.reduce((sum, line) => sum + sizeOf(line), 0);
  }

  /** Lines. */
  get size(): number {
    return this.#lines.length;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0 && this.#gaps.size === 0;
  }

  /** @param now Unix milliseconds. */
  add(line: NewLine, now: number): void {
    if (now - this.#second.from >= 1_000 || now < this.#second.from)
      this.#second = { from: now, lines: 0, bytes: 0 };
    const size = sizeOf(line);
    const isBuild = line.stream === "build";
    if (!isBuild) {
      this.#second.lines += 1;
      this.#second.bytes += size;
    }
    const isTooFast = this.#second.lines > LINES_A_SECOND || this.#second.bytes > BYTES_A_SECOND;
    const room = isBuild ? MAX_BUILD_BYTES : MAX_SPOOL_BYTES;
    if ((isTooFast && !isBuild) || this.#bytes + size > room) {
      this.#gaps.set(line.stream, (this.#gaps.get(line.stream) ?? 0) + 1);
      return;
    }
    this.#sayGap(line.stream, now);
    this.#push(line, now);
  }

  /** Writes down what is new. What stands on no disk is never sent: its number could be given to another. */
  flush(now: number): void {
    if (now - this.#second.from >= 1_000 && this.#bytes < MAX_SPOOL_BYTES / 2)
      for (const stream of [...this.#gaps.keys()]) this.#sayGap(stream, now);
    const fresh = this.#lines.slice(this.#written);
    if (fresh.length === 0) return;
    const text = this.#seam + fresh.map((line) => `${JSON.stringify(line)}\n`).join("");
    this.#seam = "\n";
    this.#storage.append(this.#file, text);
    this.#seam = "";
    this.#written = this.#lines.length;
  }

  /** The first that are to be sent, in order. */
  head(max: number): AgentLine[] {
    return this.#lines.slice(0, Math.min(max, this.#written));
  }

  /** The first so many were taken. */
  forget(count: number): void {
    const gone = this.#lines.splice(0, count);
    this.#written -= gone.length;
    this.#bytes -= gone.reduce((sum, line) => sum + sizeOf(line), 0);
    if (this.#lines.length > 0) return;
    // Only the numbers are left. Until then lines that were taken may be sent twice, which adds nothing.
    const marks = [...this.#last].map(([stream, n]) => `${JSON.stringify({ stream, n })}\n`);
    this.#storage.write(this.#file, marks.join(""));
    this.#seam = "";
  }

  /** The first can't be taken by anybody: its place is told of. */
  drop(): void {
    const [first] = this.#lines;
    if (!first) return;
    this.#gaps.set(first.stream, (this.#gaps.get(first.stream) ?? 0) + 1);
    this.forget(1);
  }

  #sayGap(stream: string, now: number): void {
    const gap = this.#gaps.get(stream);
    if (gap === undefined) return;
    this.#gaps.delete(stream);
    const text = `${gap} lines were left out here: there were more than could be kept, or they were refused.`;
    this.#push({ stream, at: now, level: "warn", text, gap } as NewLine, now);
  }

  #push(line: NewLine, now: number): void {
    const n = Math.max((this.#last.get(line.stream) ?? 0) + 1, now);
    this.#last.set(line.stream, n);
    this.#lines.push({ ...line, n });
    this.#bytes += sizeOf(line);
  }
}

const sizeOf = ({ text }: Pick<AgentLine, "text">): number => text.length + LINE_OVERHEAD;

/** `null`: nothing, or half of a line, which a crash left. */
function parsed(text: string): AgentLine | Pick<AgentLine, "stream" | "n"> | null {
  try {
    const line = JSON.parse(text) as AgentLine;
    return typeof line.stream === "string" && typeof line.n === "number" ? line : null;
  } catch {
    return null;
  }
}
