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
  const say = (level: Level, text: string): void => {
    const cut = text.length - MAX_LENGTH;
    emit({
      function: scopes.getStore()?.function ?? null,
      level,
      at: Date.now(),
      text: cut > 0 ? `${text.slice(0, MAX_LENGTH)}… (${cut} characters cut)` : text,
    });
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
  capture(process.stdout, isWhole, (text) => say(printing ?? "info", text));
  capture(process.stderr, isWhole, (text) => say(printing ?? "error", text));
}

/** @param isWhole Whether what is written right now is one line, whatever it holds. */
function capture(stream: NodeJS.WriteStream, isWhole: () => boolean, say: (text: string) => void): void {
  const decoder = new StringDecoder();
  let rest = "";
  const write = (chunk: string | Uint8Array, ...words: unknown[]): boolean => {
    const text = typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk));
    if (isWhole()) say(text.endsWith("\n") ? text.slice(0, -1) : text);
    else {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      // What never ends must not grow for ever.
      if (rest.length > MAX_LENGTH) {
        lines.push(rest);
        rest = "";
      }
      for (const line of lines) say(line);
    }
    const done = words.find((word) => typeof word === "function") as (() => void) | undefined;
    if (done) process.nextTick(done);
    return true;
  };
  stream.write = write as typeof stream.write;
}
