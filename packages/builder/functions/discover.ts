/** Which files of a project are functions: `api/**` by their paths, and a middleware at the root. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Framework } from "@vercel/frameworks";
import { isFile } from "../detect.ts";

export interface FunctionSource {
  /** Relative to the root, with slashes. */
  file: string;
  /** The output's name: `api/users/[id]`. */
  name: string;
  kind: "function" | "middleware";
}

const SOURCE = /\.(?:ts|tsx|mts|js|jsx|mjs)$/;
const MIDDLEWARES = ["middleware.ts", "middleware.js", "middleware.mts", "middleware.mjs"];
export const MIDDLEWARE_NAME = "_middleware";

/** As on Vercel: names that begin with `_` or `.`, and declarations, are helpers. */
const isHelper = (name: string): boolean => /^[_.]/.test(name) || /\.d\.[mc]?ts$/.test(name);

/** @param framework Of the project; `null`: it has none, or nothing depends on it. */
export async function discover(root: string, framework: Framework | null = null): Promise<FunctionSource[]> {
  const found: FunctionSource[] = [];
  await walk(join(root, "api"), "api", found);
  // Astro's own middleware, which is part of its pages, stands in `src/`.
  for (const folder of framework?.slug === "astro" ? [""] : ["", "src/"]) {
    for (const name of MIDDLEWARES) {
      if (!(await isFile(join(root, folder + name)))) continue;
      found.push({ file: folder + name, name: MIDDLEWARE_NAME, kind: "middleware" });
      return found;
    }
  }
  return found;
}

async function walk(folder: string, path: string, found: FunctionSource[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isHelper(entry.name) || entry.name === "node_modules") continue;
    const file = `${path}/${entry.name}`;
    if (entry.isDirectory()) await walk(join(folder, entry.name), file, found);
    else if (SOURCE.test(entry.name)) {
      const name = file.replace(SOURCE, "").replace(/(?<=.)\/index$/, "");
      found.push({ file, name, kind: "function" });
    }
  }
}
