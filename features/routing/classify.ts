/**
 * Decides how a customer's pattern may run. One that could take for ever is given to a linear-time engine; one that
 * needs a backtracking engine and could take for ever is refused. Control plane only: the analysis is slow.
 */

import { RE2JS } from "re2js";
import { checkSync } from "recheck";
import { parse } from "./ahead/parse.ts";
import { programOf } from "./ahead/program.ts";
import type { Pattern } from "./table.ts";

export const MAX_SOURCE = 4_096;
/** Analyses of one table; what comes after them runs in the linear engine if it can. */
export const MAX_ANALYSES = 100;
/** What takes longer runs in the linear engine if it can. */
const ANALYSIS_MS = 500;
/** Longer sources take the analysis long; they run in the linear engine if they can. */
const MAX_ANALYSED = 512;

export type Verdict =
  | { ok: true; pattern: Pattern }
  | { ok: false; code: "invalid" | "catastrophic"; detail: string };

export interface Budget {
  analyses: number;
}

const known = new Map<string, boolean>();
const KNOWN_LIMIT = 5_000;

export function classify(source: string, caseSensitive: boolean, budget: Budget): Verdict {
  if (source.length > MAX_SOURCE) {
    return { ok: false, code: "invalid", detail: `is longer than ${MAX_SOURCE} characters` };
  }
  try {
    new RegExp(source);
  } catch (error) {
    return {
      ok: false,
      code: "invalid",
      detail: error instanceof Error ? error.message : "does not compile",
    };
  }
  const prefix = prefixOf(source, caseSensitive);
  if (isPlainlySafe(source) || isSafe(source, caseSensitive, budget)) {
    return { ok: true, pattern: { source, engine: "native", caseSensitive, prefix } };
  }
  const engine = isLinear(source) ? "linear" : looksAheadOnly(source) ? "ahead" : null;
  if (engine) return { ok: true, pattern: { source, engine, caseSensitive, prefix } };
  const detail = "could take for ever on some addresses, and needs more than look-ahead";
  return { ok: false, code: "catastrophic", detail };
}

function isLinear(source: string): boolean {
  try {
    RE2JS.compile(source);
    return true;
  } catch {
    return false;
  }
}

function looksAheadOnly(source: string): boolean {
  const parsed = parse(source);
  return parsed !== null && programOf(parsed.tree, true) !== null;
}

/**
 * Begins at the start, and repeats at most once without a bound: it can't take more than linear time. Neither can a
 * look-ahead of that kind that is tried at one place only, before anything has repeated.
 */
function isPlainlySafe(source: string): boolean {
  if (!source.startsWith("^") || hasTopLevelAlternative(source)) return false;
  let bare = source.replace(/\\./g, "x").replace(/\[[^\]]*\]/g, "x");
  for (;;) {
    const ahead = /\(\?[=!]([^()]*)\)(?![*+?{])/.exec(bare);
    if (!ahead) break;
    if (repeatsOf(bare.slice(0, ahead.index)) > 0 || repeatsOf(ahead[1] ?? "") > 1) return false;
    bare = bare.slice(0, ahead.index) + bare.slice(ahead.index + ahead[0].length);
  }
  return repeatsOf(bare) <= 1 && !/\)[*+{]/.test(bare);
}

/** Repetitions without a bound. */
const repeatsOf = (bare: string): number => (bare.match(/[*+]|\{\d+,\}/g) ?? []).length;

function isSafe(source: string, caseSensitive: boolean, budget: Budget): boolean {
  const key = `${caseSensitive ? "" : "i"} ${source}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  // Of look-around the analysis is a slow guess; the engine for it needs none.
  if (/\(\?[=!]/.test(source) && looksAheadOnly(source)) return false;
  if (source.length > MAX_ANALYSED || budget.analyses >= MAX_ANALYSES) return false;
  budget.analyses++;
  const safe = checkSync(source, caseSensitive ? "" : "i", { timeout: ANALYSIS_MS }).status === "safe";
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(key, safe);
  return safe;
}

/** The literal text that every match begins with; empty when in doubt. */
export function prefixOf(source: string, caseSensitive: boolean): string {
  if (!source.startsWith("^") || hasTopLevelAlternative(source)) return "";
  let prefix = "";
  for (let i = 1; i < source.length; ) {
    const literal = /^(?:\\([./-])|([\w/-]))/.exec(source.slice(i, i + 2));
    if (!literal) break;
    const next = source[i + literal[0].length];
    if (next !== undefined && "?*{".includes(next)) break;
    prefix += literal[1] ?? literal[2] ?? "";
    if (next === "+") break;
    i += literal[0].length;
  }
  return caseSensitive ? prefix : prefix.toLowerCase();
}

function hasTopLevelAlternative(source: string): boolean {
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const character = source[i];
    if (character === "\\") i++;
    else if (inClass) inClass = character !== "]";
    else if (character === "[") inClass = true;
    else if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "|" && depth === 0) return true;
  }
  return false;
}
