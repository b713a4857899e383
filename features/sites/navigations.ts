/**
 * What Next.js's route handlers (`robots.txt`, an icon, a feed) answer to a client that navigates there. It asks for
 * `robots.txt.rsc`, a function that answers as it answers all; of the two, builders prerender only one, or make a file of
 * it. Pages have a form of their own for navigations, and are left alone. Pure.
 */
import type { PlainIndex } from "./index-files.ts";
import type { Prerender } from "./site.ts";
import type { Unit } from "./units.ts";

/** See `Pages`. */
interface Prerendered {
  prerenders: Readonly<Record<string, Prerender>>;
  handlers: ReadonlySet<string>;
}

const OF_NAVIGATION = /\.rsc$/;

/** @param files The static ones. @returns Output's name → the page that stands for it, if it is a function of Next.js for Node. */
export function navigationsOf(
  units: ReadonlyMap<string, Unit>,
  { prerenders, handlers }: Prerendered,
  files: PlainIndex,
): ReadonlyMap<string, Prerender> {
  const found = new Map<string, Prerender>();
  for (const [name, unit] of units) {
    const base = name.replace(OF_NAVIGATION, "");
    if (base === name || Object.hasOwn(prerenders, name)) continue;
    const isSame = handlers.has(base) && units.get(base) === unit;
    const page = isSame ? prerenders[base] : pageOf(files.get(base));
    if (page) found.set(name, page);
  }
  return found;
}

/** An HTML file is a page's. */
const pageOf = (file: Prerender["file"] | undefined): Prerender | undefined =>
  file && !file.type.startsWith("text/html")
    ? { file, status: 200, headers: [], expiration: false }
    : undefined;
