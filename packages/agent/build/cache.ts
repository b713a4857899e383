/**
 * What a build leaves for the next of its branch: installed packages and the caches of frameworks. Put back by copies,
 * taken away by renaming, and replaced as a whole, so that a build that fails leaves the last good one.
 */
import { createHash } from "node:crypto";
import {
  constants,
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isDirectory, isFile } from "@cloudify/builder/detect";
import { each } from "../each.ts";
import { bytesIn } from "./limits.ts";

/** Bytes; more is not kept. */
export const MAX_CACHE_BYTES = 4 * 1024 ** 3;
/** So deep below the root of a repository its packages lie. */
const MAX_DEPTH = 5;
/** Of a folder. */
const COPIES_AT_ONCE = 64;

const PRODUCTION = "production";

/** Name of the folder that the agent keeps for a project and branch; all of them lie in one folder. */
export function cacheName(project: string, target: string, branch: string | null): string {
  const about = createHash("sha256")
    .update(`${target}\n${branch ?? ""}`)
    .digest("hex");
  return `${project}.${target === PRODUCTION ? PRODUCTION : about.slice(0, 12)}`;
}

/** A branch that has built nothing yet begins with production's. */
const fallbackOf = (cache: string): string =>
  join(dirname(cache), basename(cache).replace(/\.[^.]*$/, `.${PRODUCTION}`));

/** The folder that a build begins from, where its own is all that it sees: in a pod. */
export const beginningOf = async (cache: string): Promise<string> =>
  (await hasKept(cache)) || !(await hasKept(fallbackOf(cache))) ? cache : fallbackOf(cache);

const hasKept = (cache: string): Promise<boolean> => isFile(join(cache, "kept/kept.json"));

interface Kept {
  /** Packages that were installed for one Node, or by one manager, are not for another. */
  key: string;
  /** Folder of the source → its name here. */
  folders: Record<string, string>;
}

/** @returns Whose cache was put back, or `null`. */
export async function restore(
  cache: string,
  source: string,
  key: string,
): Promise<"own" | "production" | null> {
  if (await putBack(cache, source, key)) return "own";
  const fallback = fallbackOf(cache);
  return fallback !== cache && (await putBack(fallback, source, key)) ? "production" : null;
}

async function putBack(cache: string, source: string, key: string): Promise<boolean> {
  const from = join(cache, "kept");
  const text = await readFile(join(from, "kept.json"), "utf8").catch(() => null);
  if (text === null) return false;
  const kept = JSON.parse(text) as Kept;
  if (kept.key !== key) return false;
  for (const [folder, name] of Object.entries(kept.folders)) {
    const to = join(source, folder);
    // The source brings its own, or has moved the package.
    if ((await isDirectory(to)) || !(await isDirectory(dirname(to.replace(/\/\.next\/cache$/, "/.next")))))
      continue;
    await mkdir(dirname(to), { recursive: true });
    await copyTree(join(from, name), to);
  }
  return true;
}

const SIZE = "bytes";

/** Written down for {@link sizeOf}: to walk through all of it takes seconds. @param keptBytes Of what was saved. */
export async function measure(cache: string, keptBytes: number): Promise<void> {
  const stores = (await readdir(cache)).filter((name) => !name.startsWith("kept"));
  const sizes = await Promise.all(stores.map((name) => bytesIn(join(cache, name))));
  const bytes = sizes.reduce((sum, one) => sum + one, keptBytes);
  await writeFile(join(cache, SIZE), String(bytes));
}

/** Bytes of a cache on the disk, with the downloads of package managers. */
export async function sizeOf(cache: string): Promise<number> {
  const text = await readFile(join(cache, SIZE), "utf8").catch(() => "");
  // Its builds have all failed, or were cut off.
  return /^\d+$/.test(text) ? Number(text) : bytesIn(cache);
}

/** @returns Bytes that are kept; `null` when it was too much. */
export async function save(cache: string, source: string, key: string): Promise<number | null> {
  const draft = join(cache, "kept.new");
  const old = join(cache, "kept.old");
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const kept: Kept = { key, folders: {} };
  for (const folder of await findKept(source)) {
    const name = String(Object.keys(kept.folders).length);
    await move(join(source, folder), join(draft, name));
    kept.folders[folder] = name;
  }
  await writeFile(join(draft, "kept.json"), JSON.stringify(kept));
  const bytes = await bytesIn(draft);
  if (bytes > MAX_CACHE_BYTES) {
    await rm(draft, { recursive: true, force: true });
    return null;
  }
  await rm(old, { recursive: true, force: true });
  await rename(join(cache, "kept"), old).catch(() => undefined);
  await rename(draft, join(cache, "kept"));
  await rm(old, { recursive: true, force: true });
  return bytes;
}

/** Folders worth keeping, relative to the root. */
async function findKept(root: string, folder = "", depth = 0): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (entry.name === "node_modules" || entry.name === ".turbo") found.push(path);
    else if (entry.name === ".next") {
      if (await isDirectory(join(root, path, "cache"))) found.push(join(path, "cache"));
    } else if (!entry.name.startsWith(".") && depth < MAX_DEPTH)
      found.push(...(await findKept(root, path, depth + 1)));
  }
  return found;
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch {
    // Another file system.
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}

/**
 * Copies, never hard links: a script of an install may write into a package in place, and a branch begins with production's.
 * (Where the file system can, the copy shares its blocks.)
 */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  const entries = await readdir(from, { withFileTypes: true });
  await each(entries, COPIES_AT_ONCE, async (entry) => {
    const [a, b] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(a, b);
    else if (entry.isSymbolicLink()) await symlink(await readlink(a), b);
    else if (entry.isFile()) await copyFile(a, b, constants.COPYFILE_FICLONE);
  });
}
