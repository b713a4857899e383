/** What a deployment's log takes in, and what it drops. Dropped lines are counted and shown as a gap, never hidden. */
import { MINUTE, type Millis, SECOND } from "#core/time.ts";

/** Bytes of text in one line; the rest of a longer one is cut. */
export const LINE_BYTES = 8 * 1024;
/** Bytes of text in one deployment's log; lines past it are counted in a gap. */
export const LOG_BYTES = 16 * 1024 * 1024;
/** Lines that functions write: so many of the newest are kept, beside the rest of the log. */
export const FUNCTION_LINES = 20_000;
/** What the functions of one deployment may write in a second; what is more is counted in a gap. */
export const LINES_A_SECOND = 1_000;
export const BYTES_A_SECOND = 256 * 1024;
/** A finished deployment's log moves to R2 after this, and its object is emptied. */
export const FOLD_AFTER_MS = 10 * MINUTE;
/** Readers that hear nothing for this long are sent an empty line. */
export const HEARTBEAT_MS = 15 * SECOND;
/** Who follows for so long is cut off, and comes back if they still may. */
export const FOLLOW_MS = 5 * MINUTE;

export type Level = "debug" | "info" | "warn" | "error";

/** A line as a writer gives it. */
export interface Entry {
  stream: string;
  at: Millis;
  level: Level;
  text: string;
  /** How many lines its writer dropped here. */
  gap?: number;
}

/** A line of a writer that may tell it again, among others: `n` numbers the lines of its stream. */
export interface Line extends Entry {
  n: number;
  /** Who numbers them, where a stream has several writers. */
  writer?: string;
}

/** A line as a reader gets it: `seq` orders all streams. */
export interface LogRow {
  seq: number;
  at: Millis;
  stream: string;
  level: Level;
  text: string;
  /** How many lines were dropped here by a cap. */
  gap?: number;
}

/** What the log has taken so far. */
export interface Budget {
  bytes: number;
  /** Lines dropped since the last one that was kept. */
  dropped: number;
}

export type Verdict = { keep: true; text: string; budget: Budget } | { keep: false; budget: Budget };

export const isOfFunction = (stream: string): boolean => stream.startsWith("function:");

/** Changes of state are always kept: a reader must see how it ended. Lines of functions have a limit of their own. */
export function admit(budget: Budget, line: Entry): Verdict {
  const text = cut(line.text);
  if (isOfFunction(line.stream)) return { keep: true, text, budget };
  const bytes = budget.bytes + text.length;
  if (line.stream !== "state" && bytes > LOG_BYTES) {
    return { keep: false, budget: { ...budget, dropped: budget.dropped + 1 } };
  }
  return { keep: true, text, budget: { bytes, dropped: 0 } };
}

function cut(text: string): string {
  if (text.length <= LINE_BYTES) return text;
  return `${text.slice(0, LINE_BYTES)}… (${text.length - LINE_BYTES} characters cut)`;
}
