import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import { measure } from "./build/cache.ts";
import { MAX_CACHE_AGE_MS, sweepJobs, trimCaches, useCache } from "./leftovers.ts";

const HOUR = 60 * 60_000;
const KIB = 1_024;
const temporary = (): string => mkdtempSync(join(tmpdir(), "cloudify-leftovers-"));

function write(root: string, files: Record<string, number>): void {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "x".repeat(bytes));
  }
}

test("what a killed agent's builds have left is gone; what the next builds begin with stays", async () => {
  const root = temporary();
  write(root, {
    "builds/jobs/build.dpl1.1/source/secret.env": 1,
    "builds/caches/tools/.draft-vercel@1-aB3dE6/package.json": 1,
    "builds/caches/tools/vercel@1/package.json": 1,
    "builds/caches/prj.production/kept.new-1b2c3d/0": 1,
    "builds/caches/prj.production/kept.old-1b2c3d/0": 1,
    "builds/caches/prj.production/kept/0": 1,
  });
  await sweepJobs(join(root, "builds"));
  const left = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !/^\w+$/.test(path));
  expect(left.filter((path) => /jobs|draft|new/.test(path))).toEqual([]);
  for (const path of ["builds/caches/tools/vercel@1", "builds/caches/prj.production/kept/0"])
    expect(existsSync(join(root, path)), path).toBe(true);
  // There was nothing before the first.
  await sweepJobs(join(root, "never"));
});

/** Caches of 100 KiB each, used so long ago. */
async function caches(clock: VirtualClock, ages: Record<string, number>): Promise<string> {
  const root = temporary();
  for (const [name, age] of Object.entries(ages)) {
    write(root, { [`${name}/kept/0`]: 100 * KIB });
    await measure(join(root, name), 100 * KIB);
    await useCache(join(root, name), clock.now() - age);
  }
  return root;
}
const said: string[] = [];
const seams = (clock: VirtualClock) => ({ clock, log: (_: string, text: string) => void said.push(text) });

test("with room enough only what was not used for a month goes", async () => {
  const clock = new VirtualClock();
  const root = await caches(clock, { old: MAX_CACHE_AGE_MS + HOUR, young: MAX_CACHE_AGE_MS - HOUR });
  write(root, { "tools/a": 1, "npm/b": 1 });
  await trimCaches(root, 1e9, seams(clock));
  expect(readdirSync(root).sort()).toEqual(["npm", "tools", "young"]);
  expect(said).toContain("A build cache was removed.");
});

test("without room the longest unused go first, until it fits; what a build may be at never does", async () => {
  const clock = new VirtualClock();
  const root = await caches(clock, { a: 50 * HOUR, b: 40 * HOUR, c: 30 * HOUR, d: HOUR, e: 0 });
  await trimCaches(root, 350 * KIB, seams(clock));
  expect(readdirSync(root).sort()).toEqual(["c", "d", "e"]);
  await trimCaches(root, 1, seams(clock));
  expect(readdirSync(root).sort()).toEqual(["d", "e"]);
});

test("a cache that was never measured counts, too", async () => {
  const clock = new VirtualClock();
  const root = temporary();
  write(root, { "a/yarn/x": 300 * KIB });
  await useCache(join(root, "a"), clock.now() - 3 * HOUR);
  await trimCaches(root, 200 * KIB, seams(clock));
  expect(readdirSync(root)).toEqual([]);
});
