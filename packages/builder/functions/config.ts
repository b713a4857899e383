/**
 * What a function says of itself: `export const config = { runtime: "edge" }`, or `export const runtime = "edge"`. It is
 * read, not run: only literals can be understood.
 */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { runInNewContext } from "node:vm";
import { BuildProblem } from "../problem.ts";
import { explained } from "./diagnostics.ts";

export interface StaticConfig {
  runtime: string | null;
  /** Of a middleware. */
  matcher: unknown;
}

/** A literal takes no time; but on a busy machine a context alone may take long to get its turn. */
const PATIENCE_MS = 10_000;
const FIX = 'Write it as a literal: export const config = { runtime: "edge" }.';

/** @throws BuildProblem when it holds more than literals. */
export async function readStaticConfig(path: string, file: string): Promise<StaticConfig> {
  const source = await readFile(path, "utf8");
  if (!/\b(?:config|runtime)\b/.test(source)) return { runtime: null, matcher: undefined };
  const loader = extname(path).replace(/^\.m?/, "") as "ts" | "tsx" | "js" | "jsx";
  const { transform } = await import("esbuild");
  const options = { loader, sourcefile: file, legalComments: "none", jsx: "automatic" } as const;
  const { code } = await transform(source, options).catch((error: unknown) => {
    throw explained(file, error);
  });
  const config = literalOf(code, "config", file);
  const runtime = literalOf(code, "runtime", file) ?? (isRecord(config) ? config.runtime : undefined);
  return {
    runtime: typeof runtime === "string" ? runtime : null,
    matcher: isRecord(config) ? config.matcher : undefined,
  };
}

function literalOf(code: string, name: string, file: string): unknown {
  const start = new RegExp(`(?:^|\\n)(?:export )?(?:const|let|var) ${name} = `).exec(code);
  if (!start) return undefined;
  const text = expressionAt(code, start.index + start[0].length);
  // No names and no calls: what is left can only be a value.
  const bare = text.replace(
    /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\$]|\\.)*`|[\w$]+\s*:|\b(?:true|false|null)\b/g,
    "",
  );
  if (/[A-Za-z_$(`]/.test(bare)) {
    throw new BuildProblem("dynamic_config", `${file}: its ${name} is not a literal.`, FIX);
  }
  try {
    return runInNewContext(`(${text})`, {}, { timeout: PATIENCE_MS }) as unknown;
  } catch {
    throw new BuildProblem("dynamic_config", `${file}: its ${name} can't be read.`, FIX);
  }
}

/** Up to the `;` that ends it, outside of texts and brackets. */
function expressionAt(code: string, from: number): string {
  let depth = 0;
  let quote = "";
  for (let at = from; at < code.length; at++) {
    const character = code[at] ?? "";
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (/["'`]/.test(character)) quote = character;
    else if (/[[{(]/.test(character)) depth++;
    else if (/[\]})]/.test(character)) depth--;
    else if (character === ";" && depth === 0) return code.slice(from, at);
  }
  return code.slice(from);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object";
