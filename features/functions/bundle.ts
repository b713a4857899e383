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
  /** The line itself. */
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

/** `api.ts:3:7: text`, with the line and a mark below it. */
export function shown({ text, file, line, column, excerpt }: Diagnostic): string {
  const where = file === null ? "" : `${file}:${line}:${column}: `;
  if (excerpt === null || line === null || column === null) return where + text;
  const margin = " ".repeat(String(line).length);
  return `${where}${text}\n  ${line} | ${excerpt}\n  ${margin} | ${" ".repeat(column - 1)}^`;
}
