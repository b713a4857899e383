import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { beginningOf, cacheName, restore, save } from "./cache.ts";

const temporary = (): string => mkdtempSync(join(tmpdir(), "cloudify-cache-"));

function source(files: Record<string, string>): string {
  const root = temporary();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function cacheOf(root: string, target: string, branch: string | null, project = "prj_1"): string {
  const folder = join(root, cacheName(project, target, branch));
  mkdirSync(folder, { recursive: true });
  return folder;
}

const APP = { "package.json": "{}", "packages/ui/package.json": "{}" };
const BUILT = {
  ...APP,
  "node_modules/a/index.js": "a",
  "packages/ui/node_modules/b/index.js": "b",
  ".next/cache/x": "x",
  ".next/server/y": "y",
  ".turbo/z": "z",
};

test("packages and frameworks' caches come back to the next build of the branch; what was made does not", async () => {
  const cache = cacheOf(temporary(), "preview", "feature");
  const built = source(BUILT);
  symlinkSync("../a", join(built, "node_modules/link"));
  expect(await save(cache, built, "npm 24")).toBeGreaterThan(0);
  const next = source(APP);
  expect(await restore(cache, next, "npm 24")).toBe("own");
  expect(readFileSync(join(next, "node_modules/a/index.js"), "utf8")).toBe("a");
  expect(readFileSync(join(next, "packages/ui/node_modules/b/index.js"), "utf8")).toBe("b");
  expect(readlinkSync(join(next, "node_modules/link"))).toBe("../a");
  expect(existsSync(join(next, ".next/cache/x"))).toBe(true);
  expect(existsSync(join(next, ".turbo/z"))).toBe(true);
  expect(existsSync(join(next, ".next/server"))).toBe(false);
});

test("a branch that has none begins with production's, and never with another branch's or project's", async () => {
  const root = temporary();
  await save(cacheOf(root, "production", "main"), source(BUILT), "npm 24");
  await save(
    cacheOf(root, "preview", "other", "prj_2"),
    source({ ...APP, "node_modules/evil/index.js": "" }),
    "npm 24",
  );
  const next = source(APP);
  expect(await restore(cacheOf(root, "preview", "feature"), next, "npm 24")).toBe("production");
  expect(existsSync(join(next, "node_modules/a"))).toBe(true);
  expect(existsSync(join(next, "node_modules/evil"))).toBe(false);
  expect(await restore(cacheOf(root, "preview", "feature", "prj_2"), source(APP), "npm 24")).toBeNull();
});

test("a pod, which sees one folder, is handed a branch's own, or else production's", async () => {
  const root = temporary();
  const [production, branch] = [cacheOf(root, "production", "main"), cacheOf(root, "preview", "feature")];
  expect(await beginningOf(branch)).toBe(branch);
  await save(production, source(BUILT), "npm 24");
  expect(await beginningOf(branch)).toBe(production);
  expect(await beginningOf(production)).toBe(production);
  await save(branch, source(BUILT), "npm 24");
  expect(await beginningOf(branch)).toBe(branch);
});

test("packages for another Node or manager are not used", async () => {
  const cache = cacheOf(temporary(), "production", null);
  await save(cache, source(BUILT), "npm 24");
  expect(await restore(cache, source(APP), "npm 22")).toBeNull();
  expect(await restore(cache, source(APP), "pnpm 24")).toBeNull();
});

test("a build that changes what was put back, and fails, leaves the cache as it was", async () => {
  const cache = cacheOf(temporary(), "production", null);
  await save(cache, source(BUILT), "npm 24");
  const failing = source(APP);
  await restore(cache, failing, "npm 24");
  writeFileSync(join(failing, ".next/cache/x"), "broken");
  writeFileSync(join(failing, "node_modules/new.js"), "");
  const next = source(APP);
  await restore(cache, next, "npm 24");
  expect(readFileSync(join(next, ".next/cache/x"), "utf8")).toBe("x");
  expect(existsSync(join(next, "node_modules/new.js"))).toBe(false);
});

test("what a preview's build writes into a package in place is not production's", async () => {
  const root = temporary();
  const production = cacheOf(root, "production", "main");
  await save(production, source({ ...BUILT, "node_modules/.bin/run": "#!/bin/sh" }), "npm 24");
  const preview = source(APP);
  expect(await restore(cacheOf(root, "preview", "feature"), preview, "npm 24")).toBe("production");
  writeFileSync(join(preview, "node_modules/a/index.js"), "patched");
  appendFileSync(join(preview, "packages/ui/node_modules/b/index.js"), "patched");
  chmodSync(join(preview, "node_modules/.bin/run"), 0o755);
  const next = source(APP);
  expect(await restore(production, next, "npm 24")).toBe("own");
  expect(readFileSync(join(next, "node_modules/a/index.js"), "utf8")).toBe("a");
  expect(readFileSync(join(next, "packages/ui/node_modules/b/index.js"), "utf8")).toBe("b");
  expect(statSync(join(next, "node_modules/.bin/run")).mode & 0o111).toBe(0);
});

test("names tell projects, targets and branches apart, and are names of folders", () => {
  const names = [
    cacheName("a", "production", "main"),
    cacheName("a", "preview", "main"),
    cacheName("a", "preview", null),
    cacheName("a", "preview", "../../etc"),
    cacheName("a", "staging", "main"),
    cacheName("b", "preview", "main"),
  ];
  expect(new Set(names).size).toBe(names.length);
  expect(cacheName("a", "production", "main")).toBe(cacheName("a", "production", "release"));
  for (const name of names) expect(name).toMatch(/^[a-z]\.[a-z0-9]+$/);
});

test("builds of one branch at the same time: the last one wins, and what is put back is one build's, whole", async () => {
  const cache = cacheOf(temporary(), "preview", "feature");
  const names = Array.from({ length: 40 }, (_, index) => `node_modules/${index}/index.js`);
  const built = (version: string) => source(Object.fromEntries(names.map((name) => [name, version])));
  const versions = Array.from({ length: 24 }, (_, index) => String(index));
  const sources = versions.map((version) => [version, built(version)] as const);
  const restored = new Set<string>();
  const builds = sources.map(async ([, from]) => {
    expect(await save(cache, from, "npm 24")).toBeGreaterThan(0);
    const next = source({});
    if ((await restore(cache, next, "npm 24")) === null)
      return expect(existsSync(join(next, "node_modules"))).toBe(false);
    const seen = new Set(names.map((name) => readFileSync(join(next, name), "utf8")));
    expect(seen.size).toBe(1);
    for (const one of seen) restored.add(one);
  });
  await Promise.all(builds);
  expect(restored.size).toBeGreaterThan(0);
  expect(readdirSync(cache)).toEqual(["kept"]);
  await save(cache, built("last"), "npm 24");
  const next = source({});
  expect(await restore(cache, next, "npm 24")).toBe("own");
  expect(readFileSync(join(next, names[0] ?? ""), "utf8")).toBe("last");
});
