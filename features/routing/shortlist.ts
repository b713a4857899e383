/**
 * Which routes of a list can match a path at all: those whose literal beginning the path has. With thousands of
 * redirects a request then looks at a few. Knows nothing of what a match means: who asks still matches each of them.
 */
import type { CompiledRoute } from "./table.ts";

/** Of routes in their list, in its order. */
type Places = readonly number[];

interface Index {
  /** Of the beginnings, each once, the shortest first. */
  lengths: readonly number[];
  /** A beginning as it stands → the routes that begin so. */
  exact: ReadonlyMap<string, Places>;
  /** A beginning in lower case → the routes that begin so in any case. */
  folded: ReadonlyMap<string, Places>;
}

/** Shorter lists are walked: to look up would cost more. */
const WORTH = 16;
const NONE: Places = [];

/** Keyed by the list, which lives as long as its table. */
const indexes = new WeakMap<readonly CompiledRoute[], Index>();

/** @returns Places of all routes that may match this path, in order. */
export function shortlist(routes: readonly CompiledRoute[], path: string): Places {
  if (routes.length === 0) return NONE;
  if (routes.length < WORTH) return SHORT[routes.length] ?? NONE;
  let index = indexes.get(routes);
  if (!index) {
    index = indexOf(routes);
    indexes.set(routes, index);
  }
  const { lengths, exact, folded } = index;
  const lower = path.toLowerCase();
  const found: Places[] = [];
  for (const length of lengths) {
    if (length > path.length) break;
    const places = [exact.get(path.slice(0, length)), folded.get(lower.slice(0, length))];
    for (const one of places) if (one) found.push(one);
  }
  const [only = NONE, ...others] = found;
  return others.length === 0 ? only : found.flat().sort((a, b) => a - b);
}

/** Length of a list → all its places. */
const SHORT: readonly Places[] = Array.from({ length: WORTH }, (_, length) =>
  Array.from({ length }, (_, i) => i),
);

/** Whether a path begins as every match of the route does. */
export function beginsLike({ pattern }: CompiledRoute, path: string): boolean {
  const { prefix, caseSensitive } = pattern;
  if (prefix === "") return true;
  const start = path.slice(0, prefix.length);
  return (caseSensitive ? start : start.toLowerCase()) === prefix;
}

function indexOf(routes: readonly CompiledRoute[]): Index {
  const exact = new Map<string, number[]>();
  const folded = new Map<string, number[]>();
  for (const [place, { pattern }] of routes.entries()) {
    const map = pattern.caseSensitive ? exact : folded;
    const held = map.get(pattern.prefix);
    if (held) held.push(place);
    else map.set(pattern.prefix, [place]);
  }
  const lengths = new Set([...exact.keys(), ...folded.keys()].map((prefix) => prefix.length));
  return { lengths: [...lengths].sort((a, b) => a - b), exact, folded };
}
