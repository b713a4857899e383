/** What the CLI says: results on standard output, everything else on standard error. */
import { BuildProblem } from "@cloudify/builder";
import { ApiError, type ProblemDocument } from "@cloudify/sdk";
import color from "picocolors";
import { CliProblem } from "./problem.ts";

export interface Output {
  json: boolean;
  /** One JSON document, or what people read. */
  result(document: unknown, text: string): void;
  /** A line of progress. */
  note(text: string): void;
  /** A line that replaces the one before it on a terminal; elsewhere only the last is shown. */
  progress(text: string): void;
  /** Ends a line of progress. */
  settle(): void;
}

export function makeOutput(json: boolean): Output {
  const isLive = process.stderr.isTTY === true && !json;
  let last: string | null = null;
  const settle = () => {
    if (last !== null) process.stderr.write(isLive ? "\n" : `${last}\n`);
    last = null;
  };
  return {
    json,
    settle,
    result(document, text) {
      settle();
      const shown = json ? JSON.stringify(document) : text;
      if (shown !== "") process.stdout.write(`${shown}\n`);
    },
    note(text) {
      settle();
      process.stderr.write(`${text}\n`);
    },
    progress(text) {
      if (isLive) process.stderr.write(`\r\u001b[K${text}`);
      last = text;
    },
  };
}

/** Says what went wrong, and what to do. @returns The exit code. */
export function report(error: unknown, json: boolean): 1 | 2 {
  const problem = problemOf(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: problem })}\n`);
  else {
    process.stderr.write(`${color.red("Error")} ${problem.detail}\n`);
    if (problem.fix) process.stderr.write(`${problem.fix}\n`);
    if (problem.status >= 500 && problem.requestId)
      process.stderr.write(color.dim(`Request ${problem.requestId}\n`));
  }
  return error instanceof CliProblem ? error.exitCode : 1;
}

function problemOf(error: unknown): ProblemDocument {
  if (error instanceof ApiError) return error.problem;
  if (error instanceof BuildProblem || error instanceof CliProblem) {
    const { code, message: detail, fix } = error;
    return { code, title: "It could not be done", status: 400, detail, fix };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return { code: "internal", title: "Something went wrong", status: 500, detail };
}

/** Columns as wide as they need to be. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function age(from: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - from) / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  return count < 1_000_000 ? `${(count / 1_000).toFixed(1)} kB` : `${(count / 1_000_000).toFixed(1)} MB`;
}
