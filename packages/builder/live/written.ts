/** Where a project's own commands have written: what changes there is their doing, and no reason to run them again. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * Of the folders that a build may write to (`public` and `build` are sources elsewhere), those that it did.
 *
 * @param since Unix milliseconds: when the commands began. @param before Those of the last time; one that is gone stays.
 */
export async function writtenSince(
  folders: readonly string[],
  since: number,
  before: readonly string[],
): Promise<string[]> {
  const are = await Promise.all(
    folders.map(async (folder) => (await hasChanged(folder, since)) ?? before.includes(folder)),
  );
  return folders.filter((_, i) => are[i]);
}

/** Ends at the first change. @returns `null` when nothing is there. */
async function hasChanged(path: string, since: number): Promise<boolean | null> {
  const found = await lstat(path).catch(() => null);
  if (!found) return null;
  // Not the time of modification, which a copy may take from its source.
  if (found.ctimeMs >= since) return true;
  if (!found.isDirectory()) return false;
  for (const name of await readdir(path).catch(() => []))
    if (await hasChanged(join(path, name), since)) return true;
  return false;
}
