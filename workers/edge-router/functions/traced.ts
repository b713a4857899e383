/**
 * Lines of one call, as our prelude delivers them or as the runtime tells a tail Worker, and the two notes that our
 * prelude writes among the latter. A customer could write such lines and notes too, of its own log; no one else's.
 */

export interface Traced {
  level: "log" | "info" | "debug" | "warn" | "error" | "trace";
  text: string;
  /** Unix milliseconds. */
  at: number;
  /** Characters that are missing at its end. */
  cut?: number;
  /** Not a line: so many were left out here. */
  gap?: number;
}

/** The runtime passes on 256 KiB of one call, and what else it counts in that is unknown: headers, and marks of its own. */
export const CALL_LOG_BYTES = 200 * 1024;
/** Of one line; fewer than a log's row may have, so that what is said of the rest stands there too. */
export const LINE_CHARACTERS = 8_000;
/** Second argument of a line whose end was cut; the third says how much. */
export const CUT = "\u0001cut";
/** Second argument of a line that stands for others; the third says how many. */
export const GAP = "\u0001gap";
/** What the runtime says in the place of what it does not pass on. */
const OWN_NOTE = /^Log size limit exceeded: /;
const TRUNCATED = "Some lines are missing here: one call wrote more than the runtime passes on.";

export function tracedOf(event: TraceItem): Traced[] {
  const lines = event.logs.flatMap(({ level, message, timestamp }): Traced[] => {
    const [text, note, count] = (Array.isArray(message) ? message : [message]) as unknown[];
    const line = { level: level as Traced["level"], text: String(text), at: timestamp };
    if (event.truncated && OWN_NOTE.test(line.text)) return [{ ...line, text: TRUNCATED }];
    if (note === CUT) return [{ ...line, cut: counted(count) }];
    return [note === GAP ? { ...line, gap: counted(count) } : line];
  });
  const thrown = event.exceptions.map(({ name, message, stack, timestamp }) => ({
    level: "error" as const,
    text: `Uncaught ${name}: ${message}\n${stack ?? ""}`.trimEnd(),
    at: timestamp,
  }));
  return [...lines, ...thrown];
}

const LEVELS: readonly string[] = [
  "log",
  "info",
  "debug",
  "warn",
  "error",
  "trace",
] satisfies Traced["level"][];
/** Bytes of one delivery; the prelude sends far less. */
export const MAX_DELIVERY = 4 * CALL_LOG_BYTES;
/** A line is of the moment; one that says otherwise is put into it. */
const MAX_AGE_MS = 60_000;

/** @param text JSON from a customer's isolate: nothing of it is trusted. @param now Unix milliseconds. */
export function linesOf(text: string, now: number): Traced[] {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return [];
  }
  return (Array.isArray(given) ? given : []).flatMap((one: Partial<Record<keyof Traced, unknown>> | null) => {
    if (typeof one?.text !== "string" || typeof one.level !== "string" || !LEVELS.includes(one.level))
      return [];
    const at = Math.abs(now - Number(one.at)) < MAX_AGE_MS ? Number(one.at) : now;
    const level = one.level as Traced["level"];
    const line: Traced = { level, text: one.text.slice(0, LINE_CHARACTERS), at };
    if (one.cut !== undefined) return [{ ...line, cut: counted(one.cut) }];
    return [one.gap === undefined ? line : { ...line, gap: counted(one.gap) }];
  });
}

const counted = (value: unknown): number =>
  Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 1;
