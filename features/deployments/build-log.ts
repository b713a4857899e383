/** The log of a build on the user's machine, uploaded as a blob: NDJSON of `{ at, stream, text }`. Pure. */
import type { Millis } from "#core/time.ts";
import type { Line } from "#features/logs/policy.ts";

/**
 * Each line keeps its place in the file as its number, so that copying it twice adds nothing.
 *
 * @param otherwise The time of lines that have none.
 * @returns What can be read, and how many lines can't.
 */
export function parseBuildLog(text: string, otherwise: Millis): { lines: Line[]; bad: number } {
  const raw = text.split("\n").filter((line) => line.trim() !== "");
  const lines = raw.flatMap((line, n) => parseLine(line, n, otherwise) ?? []);
  return { lines, bad: raw.length - lines.length };
}

function parseLine(text: string, n: number, otherwise: Millis): Line | null {
  try {
    const line = JSON.parse(text) as { at?: unknown; stream?: unknown; text?: unknown } | null;
    if (typeof line?.text !== "string") return null;
    const at = Number.isSafeInteger(line.at) ? (line.at as number) : otherwise;
    const level = line.stream === "stderr" ? "warn" : "info";
    return { stream: "build", n, at, level, text: line.text };
  } catch {
    return null;
  }
}
