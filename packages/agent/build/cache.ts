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
  mkdtemp,
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

/** So often others may replace the cache while a build reads it. */
const TRIES = 5;
/** What stands before a build's own. */
const DRAFT = "kept.new-";
const OLD = "kept.old-";

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
  /** No other's. */
  id: string;
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
  const about = () => readFile(join(from, "kept.json"), "utf8").catch(() => null);
  for (let tries = 0; tries < TRIES; tries++) {
    const text = await about();
    if (text === null) return false;
    const kept = JSON.parse(text) as Kept;
    if (kept.key !== key) return false;
    const put: string[] = [];
    const failure = await copyKept(from, kept, source, put).catch((error: unknown) => ({ error }));
    if ((await about()) === text) {
      if (failure) throw failure.error;
      return true;
    }
    // Another build of the branch has replaced it meanwhile: what was copied may be some of either.
    for (const folder of put) await rm(folder, { recursive: true, force: true });
  }
  return false;
}

/** @param put Takes the folders that it makes. */
async function copyKept(from: string, kept: Kept, source: string, put: string[]): Promise<void> {
  for (const [folder, name] of Object.entries(kept.folders)) {
    const to = join(source, folder);
    // The source brings its own, or has moved the package.
    if ((await isDirectory(to)) || !(await isDirectory(dirname(to.replace(/\/\.next\/cache$/, "/.next")))))
      continue;
    await mkdir(dirname(to), { recursive: true });
    put.push(to);
    await copyTree(join(from, name), to);
  }
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

/**
 * Builds of one branch may end at the same time: each has a draft of its own, and the last one wins.
 *
 * @returns Bytes that are kept; `null` when it was too much.
 */
export async function save(cache: string, source: string, key: string): Promise<number | null> {
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, DRAFT));
  try {
    const kept: Kept = { id: basename(draft), key, folders: {} };
    for (const folder of await findKept(source)) {
      const name = String(Object.keys(kept.folders).length);
      await move(join(source, folder), join(draft, name));
      kept.folders[folder] = name;
    }
    await writeFile(join(draft, "kept.json"), JSON.stringify(kept));
    const bytes = await bytesIn(draft);
    if (bytes > MAX_CACHE_BYTES) return null;
    await replace(cache, draft);
    return bytes;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** A folder takes a name only where nothing is: who finds that another build came first takes that one away, too. */
async function replace(cache: string, draft: string): Promise<void> {
  const kept = join(cache, "kept");
  for (let isThere = false; !isThere; ) {
    const old = await mkdtemp(join(cache, OLD));
    try {
      await moved(kept, old, ["ENOENT"]);
      isThere = await moved(draft, kept, ["ENOTEMPTY", "EEXIST"]);
    } finally {
      await rm(old, { recursive: true, force: true });
    }
  }
}

/** @returns `false` when it failed with one of the codes. */
async function moved(from: string, to: string, codes: readonly string[]): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

/** Removes what builds have left that were cut off. At the agent's start, before any begins. */
export async function sweepKept(cache: string): Promise<void> {
  const names = await readdir(cache).catch((): string[] => []);
  const halves = names.filter((name) => name.startsWith(DRAFT) || name.startsWith(OLD));
  for (const half of halves) await rm(join(cache, half), { recursive: true, force: true, maxRetries: 5 });
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
