/**
 * What builds leave on the agent's disk, and when it goes: folders of builds that an agent before this one had under way,
 * caches that nobody has used for long, and those used least when there is no room. Nobody else writes here: the home is
 * locked.
 */
import { mkdir, readdir, realpath, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { sizeOf, sweepKept } from "./build/cache.ts";
import { sweepDrafts } from "./build/tools.ts";
import { endProcessesIn } from "./process/strays.ts";
import type { Seams } from "./seams.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A branch that has built nothing for so long begins with production's cache. */
export const MAX_CACHE_AGE_MS = 30 * DAY_MS;
/** Longer than a build takes: whoever has begun with it may still be at it. */
const IN_USE_MS = 2 * 60 * 60_000;
/** Tools, and npm's downloads: nobody's own. */
const SHARED = new Set(["tools", "npm"]);

export const jobsIn = (home: string): string => join(home, "jobs");
export const cachesIn = (home: string): string => join(home, "caches");

/** At the agent's start, before it begins anything. @param home Of builds. */
export async function sweepJobs(home: string): Promise<void> {
  await sweepDrafts(join(cachesIn(home), "tools"));
  for (const name of await namesIn(cachesIn(home))) await sweepKept(join(cachesIn(home), name));
  endProcessesIn(await realpath(jobsIn(home)).catch(() => jobsIn(home)));
  await rm(jobsIn(home), { recursive: true, force: true, maxRetries: 5 });
}

/** A build begins with this cache: it is not taken away meanwhile. */
export async function useCache(folder: string, now: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await utimes(folder, now / 1_000, now / 1_000);
}

/** Down to nine tenths of the room, the longest unused first. */
export async function trimCaches(
  folder: string,
  maxBytes: number,
  { clock, log }: Pick<Seams, "clock" | "log">,
): Promise<void> {
  const now = clock.now();
  const names = (await namesIn(folder)).filter((name) => !SHARED.has(name));
  const caches = (await Promise.all(names.map((name) => lookAt(join(folder, name))))).flat();
  caches.sort((a, b) => a.usedAt - b.usedAt);
  let bytes = caches.reduce((sum, one) => sum + one.bytes, 0);
  const goal = bytes > maxBytes ? maxBytes * 0.9 : Number.POSITIVE_INFINITY;
  for (const one of caches) {
    const unusedMs = now - one.usedAt;
    if (unusedMs < IN_USE_MS || (bytes <= goal && unusedMs < MAX_CACHE_AGE_MS)) continue;
    // A build may have begun with it meanwhile.
    if ((await stat(one.path)).mtimeMs !== one.usedAt) continue;
    await rm(one.path, { recursive: true, force: true, maxRetries: 2 });
    bytes -= one.bytes;
    log("info", "A build cache was removed.", { path: one.path, bytes: one.bytes, unusedMs });
  }
}

async function lookAt(path: string): Promise<{ path: string; bytes: number; usedAt: number }[]> {
  const about = await stat(path).catch(() => null);
  if (!about?.isDirectory()) return [];
  return [{ path, bytes: await sizeOf(path), usedAt: about.mtimeMs }];
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
