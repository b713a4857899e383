/** A site's outputs, as routing looks for them: a path, then the index of a directory. */
import type { FunctionEntry } from "#features/functions/function.ts";
import { lookupPath } from "#features/routing/path.ts";
import type { Prerender, SiteHead, StaticFile } from "#features/sites/site.ts";
import type { Scope } from "../scope.ts";
import { findFile } from "./sites.ts";

export type Output =
  | {
      kind: "file";
      file: StaticFile;
      /** Set when the path names a directory without its slash, and the site wants it. */
      redirectTo: string | null;
    }
  | { kind: "page"; page: Prerender; name: string }
  | { kind: "function"; name: string; entry: FunctionEntry };

/** Files first, then pages, then functions. */
export async function findOutput(
  scope: Scope,
  digest: string,
  head: SiteHead,
  pathname: string,
): Promise<Output | undefined> {
  const decoded = lookupPath(pathname);
  if (decoded === null) return undefined;
  const isDirectory = decoded.endsWith("/");
  const base = decoded.replace(/^\/+|\/+$/g, "");
  for (const path of base === "" ? ["index.html", "index"] : candidates(base, isDirectory)) {
    const file = await findFile(scope, digest, head, path);
    if (!file || (isDirectory && path === base && !isPage(base, file))) continue;
    const isIndexOf = path !== base && base !== "" && !isDirectory;
    const redirectTo = isIndexOf && head.directoryRedirect ? `/${pathname.replace(/^\/+/, "")}/` : null;
    return { kind: "file", file, redirectTo };
  }
  return base === "" ? run(head, "index") : (run(head, base) ?? run(head, `${base}/index`));
}

function run({ prerenders = {}, functions = {} }: SiteHead, name: string): Output | undefined {
  const page = Object.hasOwn(prerenders, name) ? prerenders[name] : undefined;
  if (page) return { kind: "page", page, name };
  const entry = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return entry && { kind: "function", name, entry };
}

const candidates = (base: string, isDirectory: boolean): string[] => {
  const index = [`${base}/index.html`, `${base}/index`];
  return isDirectory ? [...index, base] : [base, ...index];
};

/** A slash behind a file's name makes it another name, unless it is a page: without an extension, `docs/v1.2` too. */
const isPage = (base: string, { type }: StaticFile): boolean =>
  !base.slice(base.lastIndexOf("/") + 1).includes(".") ||
  (type.startsWith("text/html") && !/\.html?$/i.test(base));
