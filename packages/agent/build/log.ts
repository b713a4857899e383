/** What a build says: one JSON text a line, redacted and bounded, to whoever started it. */
import { StringDecoder } from "node:string_decoder";
import type { BuildEnd } from "../driver.ts";
import type { BuildMessage } from "../process/contract.ts";
import type { Needles } from "./needles.ts";
import { needlesOf, Redactor } from "./redact.ts";

/**
 * Bytes of text that a build's log takes; the build itself goes on. The deployment's whole log takes 16 MiB: how the build
 * ended, and what became of it, stands behind this.
 */
export const MAX_LOG_BYTES = 12 * 1024 * 1024;
/** Bytes; a longer line is told in parts. */
const MAX_LINE_BYTES = 8 * 1024;
/** Characters; the control plane takes 4,000. */
const DETAIL_LENGTH = 3_600;
/** Lines of a command that its failure repeats. */
const TAIL_LINES = 20;
/** Bytes of what came behind the cut that are kept for the tail. */
const SKIPPED_BYTES = 64 * 1024;
/** Milliseconds without a byte, after which a last line is told although it has no end. */
const IDLE_MS = 500;

type Level = "info" | "warn" | "error";

export class BuildLog {
  readonly #write: (line: string) => void;
  readonly #needles: Needles;
  #bytes = 0;
  #dropped = 0;

  /** @param write Takes a line with its end. */
  constructor(secrets: readonly string[], write: (line: string) => void) {
    this.#needles = needlesOf(secrets);
    this.#write = write;
  }

  /** Something of the build program's own; it is told even where the log is cut. */
  say(level: Level, text: string): void {
    this.#send({ level, text: this.redact(text) });
  }

  redact(text: string): string {
    const redactor = new Redactor(this.#needles);
    return Buffer.concat([redactor.push(Buffer.from(text)), redactor.end()]).toString("utf8");
  }

  /**
   * The bytes of one stream of a command, cut anywhere.
   *
   * @param tail Takes the last lines of all its streams, redacted. @param noise Lines that are not told.
   */
  stream(tail: Tail, noise?: RegExp): LogStream {
    const tell = (text: string): void => {
      if (noise?.test(text)) return;
      tail.add(text);
      this.#line(text);
    };
    return new LogStream(this.#needles, tell, () => this.isCut);
  }

  get isCut(): boolean {
    return this.#bytes >= MAX_LOG_BYTES;
  }

  end(end: BuildEnd): void {
    if (this.#dropped > 0) this.say("warn", `${this.#dropped} more lines or parts of lines were not kept`);
    this.#send({ end: end.ok ? end : { ...end, detail: shortened(this.redact(end.detail)) } });
  }

  #line(text: string): void {
    if (this.isCut) {
      this.#dropped++;
      return;
    }
    this.#bytes += Buffer.byteLength(text) + 1;
    this.#send({ level: "info", text });
    if (this.isCut)
      this.say(
        "warn",
        `The log is cut here: a build's log takes ${MAX_LOG_BYTES >> 20} MiB. The build goes on`,
      );
  }

  #send(message: BuildMessage): void {
    this.#write(`${JSON.stringify(message)}\n`);
  }
}

/** What happened stands at the beginning, and why at the end. */
function shortened(detail: string): string {
  if (detail.length <= DETAIL_LENGTH) return detail;
  const head = detail.slice(0, DETAIL_LENGTH / 8);
  return `${head}\n…\n${detail.slice(head.length + 3 - DETAIL_LENGTH)}`;
}

/** The last lines of a command, for its failure's own words. */
export class Tail {
  readonly #lines: string[] = [];

  add(line: string): void {
    if (line.trim() === "") return;
    this.#lines.push(line);
    if (this.#lines.length > TAIL_LINES) this.#lines.shift();
  }

  get text(): string {
    return this.#lines.length === 0 ? "It said nothing." : `It said last:\n${this.#lines.join("\n")}`;
  }
}

/** Bytes in, lines out. */
export class LogStream {
  readonly #needles: Needles;
  readonly #redactor: Redactor;
  readonly #tell: (text: string) => void;
  readonly #isCut: () => boolean;
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  #skipped: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | null = null;

  constructor(needles: Needles, tell: (text: string) => void, isCut: () => boolean) {
    this.#needles = needles;
    this.#redactor = new Redactor(needles);
    this.#tell = tell;
    this.#isCut = isCut;
  }

  push(chunk: Buffer): void {
    // What nobody will read is not looked at, but for its end: a gigabyte would take minutes.
    if (this.#isCut()) this.#skipped = Buffer.concat([this.#skipped, chunk]).subarray(-this.#keep);
    else this.#take(this.#redactor.push(chunk));
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#take(this.#redactor.idle()), IDLE_MS).unref();
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#take(this.#redactor.end());
    this.#takeSkipped();
    this.#rest += this.#decoder.end();
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }

  /** What was skipped may begin inside of a secret: so much of it is read for what follows, and not told. */
  get #unsure(): number {
    return 4 * this.#needles.longest;
  }

  get #keep(): number {
    return SKIPPED_BYTES + this.#unsure;
  }

  #takeSkipped(): void {
    if (this.#skipped.length === 0) return;
    const redactor = new Redactor(this.#needles);
    const isWhole = this.#skipped.length < this.#keep;
    const unsure = isWhole ? 0 : this.#unsure;
    redactor.push(this.#skipped.subarray(0, unsure));
    this.#take(Buffer.concat([redactor.push(this.#skipped.subarray(unsure)), redactor.end()]));
  }

  #take(bytes: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(bytes)).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    while (Buffer.byteLength(this.#rest) > MAX_LINE_BYTES) {
      this.#line(this.#rest.slice(0, MAX_LINE_BYTES));
      this.#rest = this.#rest.slice(MAX_LINE_BYTES);
    }
  }

  #line(line: string): void {
    const text = plain(line);
    for (let at = 0; at === 0 || at < text.length; at += MAX_LINE_BYTES)
      this.#tell(text.slice(at, at + MAX_LINE_BYTES));
  }
}

/** A terminal's own: colours, and what was written over. */
const plain = (line: string): string =>
  line
    .replace(/\r$/, "")
    .replace(/^.*\r/s, "")
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g, "");
