/** Where git's working tree begins, and what it ignores there. Reads files; runs no git. */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { firstThere } from "./detect.ts";

/** The nearest folder that has a `.git`, from the given one up, or `null`. */
export async function gitRootOf(folder: string): Promise<string | null> {
  for (let at = folder; ; at = dirname(at)) {
    if ((await firstThere(at, [".git"])) !== null) return at;
    if (at === dirname(at)) return null;
  }
}

/**
 * The text of `info/exclude`; empty where there is none. In a worktree and a submodule `.git` is a file that names the
 * folder; a worktree's names the one that it shares.
 */
export async function excludesOf(root: string): Promise<string> {
  const [, named = ".git"] = /^gitdir: (.+)$/m.exec(await read(join(root, ".git"))) ?? [];
  const own = resolve(root, named);
  const shared = (await read(join(own, "commondir"))).trim();
  return read(join(resolve(own, shared), "info/exclude"));
}

const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
