/** Names in imports → paths of files. Pure. */

/**
 * @param imports Exact names first, then the longest prefix that ends with `/` (HTML, import maps).
 * @returns `null` when the map does not know it.
 */
export function mapped(imports: Readonly<Record<string, string>>, specifier: string): string | null {
  if (Object.hasOwn(imports, specifier)) return imports[specifier] ?? null;
  const prefixes = Object.keys(imports).filter((key) => key.endsWith("/") && specifier.startsWith(key));
  const [longest] = prefixes.sort((a, b) => b.length - a.length);
  return longest === undefined ? null : `${imports[longest]}${specifier.slice(longest.length)}`;
}

/** @param importer `lib/a.ts`; empty for the folder itself. @returns `null` when it leads out of the folder. */
export function inside(importer: string, specifier: string): string | null {
  const base = specifier.startsWith("/") ? [] : importer.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") base.push(part);
    else if (base.pop() === undefined) return null;
  }
  return base.join("/");
}

const ENDINGS = [".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".json"];

/** The names that an import may mean, the likeliest first; TypeScript writes `.js` for what is `.ts`. */
export function variants(path: string): string[] {
  const asTypeScript = /\.[mc]?jsx?$/.test(path) ? [path.replace(/js(x?)$/, "ts$1")] : [];
  const index = path === "" ? "index" : `${path}/index`;
  const added = path === "" ? [] : ENDINGS.map((ending) => path + ending);
  return [path, ...asTypeScript, ...added, ...ENDINGS.map((ending) => index + ending)];
}
