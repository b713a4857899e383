/** What the API asks the bundler, and what that answers: plain JSON, since they may be two processes. */

export interface Bundling {
  /** Path inside the function → its text. */
  files: Record<string, string>;
  /** One of the files. */
  entry: string;
  /** An import map: a name, or a prefix that ends with `/` → a path of `files`. */
  imports: Record<string, string>;
}

export interface Diagnostic {
  text: string;
  /** `null`: it is of no place in the source. */
  file: string | null;
  /** From 1. */
  line: number | null;
  /** From 1. */
  column: number | null;
  /** The line itself; of a long one what is around the column, see {@link excerptOf}. */
  excerpt: string | null;
  /** What to do about it. */
  fix: string | null;
}

export type Bundled =
  | { ok: true; code: string; map: string; warnings: Diagnostic[] }
  | { ok: false; reason: "errors"; errors: Diagnostic[] }
  | { ok: false; reason: "busy" };

/** What the bundler does not survive, or not in time. */
export const TOO_HEAVY: Diagnostic = {
  text: "The bundler gave up on it: it is nested too deeply, or too heavy for 30 seconds and 1 GiB.",
  file: null,
  line: null,
  column: null,
  excerpt: null,
  fix: "Nest it less deeply, or deploy it as api/… of a project, which is bundled on your machine.",
};

/** Characters of a line; what is minified is one line of megabytes. */
const EXCERPT = 200;
/** So many of them stand before the place, where it is further back than the excerpt is long. */
const BEFORE = 80;
const CUT = "…";

const beginsAt = (column: number): number => (column > EXCERPT ? column - BEFORE : 1);

/** @param column From 1. */
export function excerptOf(line: string, column: number): string {
  const from = beginsAt(column) - 1;
  const to = from + EXCERPT;
  return `${from > 0 ? CUT : ""}${line.slice(from, to)}${to < line.length ? CUT : ""}`;
}

/** `api.ts:3:7: text`, with the line's excerpt and a mark below the place. */
export function shown({ text, file, line, column, excerpt }: Diagnostic): string {
  const where = file === null ? "" : `${file}:${line}:${column}: `;
  if (excerpt === null || line === null || column === null) return where + text;
  const margin = " ".repeat(String(line).length);
  const from = beginsAt(column);
  const before = column - from + (from > 1 ? CUT.length : 0);
  return `${where}${text}\n  ${line} | ${excerpt}\n  ${margin} | ${" ".repeat(before)}^`;
}
