/** What esbuild says of a file, for people. */
import type { BuildFailure, Message } from "esbuild";
import { BuildProblem } from "../problem.ts";
import { columnOf } from "./columns.ts";
import { noted } from "./notes.ts";

/** @returns The same error, or, when esbuild made it, a problem with file, line, column and an excerpt. */
export const explained = (file: string, error: unknown, code = "bundle_failed"): unknown =>
  isBuildFailure(error) ? problemOf(file, error.errors, code) : error;

const isBuildFailure = (error: unknown): error is BuildFailure => error instanceof Error && "errors" in error;

function problemOf(file: string, errors: readonly Message[], code: string): BuildProblem {
  const [first] = errors;
  if (!first) return new BuildProblem(code, `${file} can't be bundled.`, "Look at its imports.");
  const { location } = first;
  const { text, fix } = noted(first);
  const column = location ? columnOf(location.lineText, location.column) : 1;
  const where = location ? `${location.file}:${location.line}:${column}` : file;
  const excerpt = location
    ? `\n  ${location.line} | ${location.lineText}\n  ${" ".repeat(String(location.line).length)} | ${" ".repeat(column - 1)}^`
    : "";
  const more = errors.length > 1 ? `\n(and ${errors.length - 1} more errors)` : "";
  const place = location && { file: location.file, line: location.line, column };
  const what = `${where}: ${text}${excerpt}${more}`;
  return new BuildProblem(code, what, fix ?? "Correct it, and build again.", place);
}
