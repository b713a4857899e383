/** What functions print, as lines that know whose they are. */
import { StringDecoder } from "node:string_decoder";
import type { FunctionLine } from "../process/contract.ts";
import { scopes } from "./scopes.ts";

type Level = FunctionLine["level"];

/** Characters of one line; the rest of a longer one is cut. */
const MAX_LENGTH = 32 * 1024;

const LEVELS = {
  debug: "debug",
  log: "info",
  info: "info",
  dir: "info",
  dirxml: "info",
  table: "info",
  warn: "warn",
  assert: "warn",
  error: "error",
  trace: "error",
} as const satisfies Partial<Record<keyof Console, Level>>;

/**
 * From here on the console, standard output and standard error of this process end in `emit`. What one call of the console
 * prints is one line, whatever it holds; what is written to a stream by hand is cut at its newlines.
 */
export function captureLines(emit: (line: FunctionLine) => void): void {
  /** Of the console's method that is printing, which it does before it returns. */
  let printing: Level | null = null;
  const say = (level: Level, whole: string, skipped = 0): void => {
    // Not inside of a character: the agent looks for secrets up to its end.
    const text =
      whole.length > MAX_LENGTH ? whole.slice(0, MAX_LENGTH).replace(/[\uD800-\uDBFF]$/, "") : whole;
    const cut = whole.length + skipped - text.length;
    const about = { function: scopes.getStore()?.function ?? null, level, at: Date.now() };
    emit({ ...about, text, ...(cut > 0 && { cut }) });
  };
  const methods = console as unknown as Record<string, (...words: unknown[]) => void>;
  for (const [name, level] of Object.entries(LEVELS)) {
    const print = methods[name];
    methods[name] = (...words) => {
      const before = printing;
      printing ??= level;
      try {
        print?.apply(console, words);
      } finally {
        printing = before;
      }
    };
  }
  const isWhole = (): boolean => printing !== null;
  capture(process.stdout, isWhole, (text, skipped) => say(printing ?? "info", text, skipped));
  capture(process.stderr, isWhole, (text, skipped) => say(printing ?? "error", text, skipped));
}

/**
 * @param isWhole Whether what is written right now is one line, whatever it holds.
 * @param say Takes a line, and how many characters of its end are not even held.
 */
function capture(
  stream: NodeJS.WriteStream,
  isWhole: () => boolean,
  say: (text: string, skipped?: number) => void,
): void {
  const decoder = new StringDecoder();
  let rest = "";
  let skipped = 0;
  const write = (chunk: string | Uint8Array, ...words: unknown[]): boolean => {
    const text = typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk));
    if (isWhole()) say(text.endsWith("\n") ? text.slice(0, -1) : text);
    else {
      const lines = text.split("\n");
      const last = lines.pop() ?? "";
      for (const line of lines) {
        say(rest + line, skipped);
        rest = "";
        skipped = 0;
      }
      rest += last;
      // What never ends must not grow for ever. Told as a line of its own, the rest might begin inside of a secret.
      const over = rest.length - MAX_LENGTH;
      if (over > 0) {
        rest = rest.slice(0, MAX_LENGTH);
        skipped += over;
      }
    }
    const done = words.find((word) => typeof word === "function") as (() => void) | undefined;
    if (done) process.nextTick(done);
    return true;
  };
  stream.write = write as typeof stream.write;
}
