/**
 * Folders that workloads are laid out in, one for each layout of a workload; and those that an agent before this one has
 * left, as when it was killed while it laid one out or removed one.
 */
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const workloadsIn = (home: string): string => join(home, "workloads");

/** @returns `null` when the id names no workload: it may lead anywhere. @param home Of the driver. */
export function folderOf(home: string, id: string): string | null {
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(id) ? join(workloadsIn(home), id) : null;
}

/** Removes all of them but those of the workloads that are to be here. At the agent's start, before any runs. */
export async function sweepWorkloads(home: string, ids: readonly string[]): Promise<void> {
  await removeAllBut(workloadsIn(home), new Set(ids));
}

/** Removes drafts and older layouts of a workload, of which nothing runs. @param root Its present layout. */
export async function sweepBeside(root: string): Promise<void> {
  await removeAllBut(dirname(root), new Set([basename(root)]));
}

async function removeAllBut(folder: string, kept: ReadonlySet<string>): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  const gone = names.filter((name) => !kept.has(name));
  await Promise.all(
    gone.map((name) => rm(join(folder, name), { recursive: true, force: true, maxRetries: 2 })),
  );
}
