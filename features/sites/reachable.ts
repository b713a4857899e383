/**
 * Which functions with a dynamic name (`posts/[id]`) are of use. Nobody asks for one by that name: routes lead there, or
 * nothing does. Next.js keeps there the code that prerendered pages share, also when no page besides them is allowed.
 */
import { decodePath } from "#features/routing/path.ts";

/**
 * What a route captures may be no part of a path (`/$nextLocale/shop/[id]` for `/shop/7`), or several. It holds no
 * brackets: those would have been asked for.
 */
const CAPTURE = /\$\w/;

/** @param dests Of all routes: where they lead. */
export function reachableBy(dests: readonly string[]): (name: string) => boolean {
  const paths = dests.filter((dest) => /\[|%5b/i.test(dest)).map(partsOf);
  return (name) => {
    const dynamic = name.lastIndexOf("]");
    // What follows is a kind of the page (`posts/[id].rsc`), which a route may capture.
    const parts = name.slice(0, dynamic + 1).split("/");
    return dynamic < 0 || paths.some((path) => leadsTo(path, parts));
  };
}

function partsOf(dest: string): string[] {
  const path = dest.replace(/[?#].*$/s, "");
  return (decodePath(path) ?? path).split("/").filter((part) => part !== "");
}

/** Goes along the path with all the numbers of parts of the name that may lie behind, since a capture has many. */
function leadsTo(path: readonly string[], name: readonly string[]): boolean {
  let behind = new Set([0]);
  for (const part of path) {
    const next = new Set<number>();
    for (const at of behind) {
      if (part.includes("[") || !CAPTURE.test(part)) {
        const isLast = at === name.length - 1;
        if (isLast ? part.startsWith(name[at] ?? "") : part === name[at]) next.add(at + 1);
        continue;
      }
      next.add(at);
      for (let to = at; to < name.length && !name[to]?.includes("["); to++) next.add(to + 1);
    }
    if (next.has(name.length)) return true;
    behind = next;
  }
  return false;
}
