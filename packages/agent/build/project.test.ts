import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { NO_BUILD_SETTINGS } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { managedBy } from "./manager.ts";
import { chooseNode } from "./node.ts";
import { readProject } from "./project.ts";
import { pruneOf } from "./service.ts";

const NOTHING = NO_BUILD_SETTINGS;

function source(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "cloudify-project-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const manifest = (about: object): string => JSON.stringify(about);
const lock = (name: string, manager: "npm" | "pnpm" | "yarn" | "bun", text = "") => ({ name, manager, text });

test.each([
  ["no lockfile", undefined, null, "npm", null],
  ["npm's lockfile", undefined, lock("package-lock.json", "npm"), "npm", null],
  ["pnpm's newest", undefined, lock("pnpm-lock.yaml", "pnpm", "lockfileVersion: '9.0'\n"), "pnpm", "10.34.8"],
  ["pnpm 8's", undefined, lock("pnpm-lock.yaml", "pnpm", "lockfileVersion: '6.0'\n"), "pnpm", "8.15.9"],
  ["pnpm 7's", undefined, lock("pnpm-lock.yaml", "pnpm", "lockfileVersion: 5.4\n"), "pnpm", "7.33.7"],
  ["yarn's first", undefined, lock("yarn.lock", "yarn", "# yarn lockfile v1\n"), "yarn", "1.22.22"],
  [
    "yarn's second",
    undefined,
    lock("yarn.lock", "yarn", "__metadata:\n  version: 8\n"),
    "@yarnpkg/cli-dist",
    "4.18.1",
  ],
  ["a version with a hash", "pnpm@9.1.0+sha512.abc", lock("pnpm-lock.yaml", "pnpm"), "pnpm", "9.1.0"],
  ["a version without a lockfile", "yarn@1.22.19", null, "yarn", "1.22.19"],
  ["another manager's lockfile", "pnpm@9.1.0", lock("package-lock.json", "npm"), "npm", null],
  ["nonsense", "cargo@1.0.0", null, "npm", null],
])("the package manager by %s", (_, declared, lockfile, name, version) => {
  const found = managedBy({ declared, lockfile });
  expect([found.package ?? found.manager, found.version]).toEqual([name, version]);
});

/** As `scanParentDirs` of @vercel/build-utils 14 answers: what it starts has to be what was installed. */
test.each([
  ["package-lock.json npm-shrinkwrap.json", "npm"],
  ["package-lock.json pnpm-lock.yaml", "pnpm"],
  ["package-lock.json yarn.lock", "yarn"],
  ["package-lock.json bun.lock", "npm"],
  ["package-lock.json bun.lockb", "npm"],
  ["npm-shrinkwrap.json pnpm-lock.yaml", "pnpm"],
  ["npm-shrinkwrap.json yarn.lock", "yarn"],
  ["npm-shrinkwrap.json bun.lock", "bun"],
  ["pnpm-lock.yaml yarn.lock", "yarn"],
  ["pnpm-lock.yaml bun.lock", "pnpm"],
  ["pnpm-lock.yaml bun.lockb", "pnpm"],
  ["yarn.lock bun.lock", "bun"],
  ["yarn.lock bun.lockb", "bun"],
  ["package-lock.json pnpm-lock.yaml yarn.lock", "yarn"],
  ["package-lock.json pnpm-lock.yaml bun.lock", "pnpm"],
  ["package-lock.json yarn.lock bun.lock", "bun"],
  ["pnpm-lock.yaml yarn.lock bun.lockb", "bun"],
  ["package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock bun.lock bun.lockb", "bun"],
  ["npm-shrinkwrap.json ../pnpm-lock.yaml", "pnpm"],
  ["npm-shrinkwrap.json ../README.md", "npm"],
  ["package-lock.json ../yarn.lock", "npm"],
])("of %s, %s installs", async (names, manager) => {
  const locks = names.split(" ").map((name): [string, string] => [join("web", name), "x: 1\n"]);
  const root = source({ "web/package.json": "{}", ...Object.fromEntries(locks) });
  const project = await readProject(root, { ...NOTHING, rootDirectory: "web" });
  expect(project.managed.manager).toBe(manager);
});

test.each([
  ["nothing", null, undefined, null],
  ["a range that holds ours", null, ">=18", null],
  ["a setting, before package.json", "22.x", ">=24", "22.0.0"],
  ["an older major", null, "20.x || 18.x", "18.0.0"],
  ["a newer patch than ours", null, ">=24.99", "24.99.0"],
])("what runs it also builds it, and %s is asked for", (_, setting, engines, asked) => {
  const { major, instead } = chooseNode("24.9.0", setting, engines);
  expect([major, instead?.version ?? null]).toEqual([24, asked]);
  if (instead) expect(instead.why).toContain("its own Node, 24.9.0");
});

test.each(["16.x", ">=99", "not a range"])("no Node is %s, and the message says what there is", (asked) => {
  expect(() => chooseNode("24.9.0", asked, undefined)).toThrow(
    expect.objectContaining({ code: "node_version" }),
  );
});

test("a framework is built by vercel build; a program that nothing knows is run by its start script", async () => {
  const next = source({ "package.json": manifest({ dependencies: { next: "16" } }) });
  expect((await readProject(next, NOTHING)).way).toEqual({ kind: "vercel", framework: "nextjs" });
  const server = { "package.json": manifest({ scripts: { start: "node a.js" } }), "a.js": "" };
  expect((await readProject(source(server), NOTHING)).way).toEqual({ kind: "service" });
  const withFunctions = await readProject(source({ ...server, "api/a.js": "" }), NOTHING);
  expect(withFunctions.way).toEqual({ kind: "vercel", framework: null });
  const withOutput = await readProject(source(server), { ...NOTHING, outputDirectory: "dist" });
  expect(withOutput.way).toEqual({ kind: "vercel", framework: null });
});

test("a project of a monorepo finds the lockfile above it, and its own configuration", async () => {
  const root = source({
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
    "package.json": manifest({ packageManager: "pnpm@10.2.0" }),
    "apps/web/package.json": manifest({ dependencies: { next: "16" } }),
    "apps/web/cloudify.json": manifest({ buildCommand: "make it" }),
  });
  const project = await readProject(root, { ...NOTHING, rootDirectory: "apps/web" });
  expect(project).toMatchObject({
    app: join(root, "apps/web"),
    installIn: root,
    managed: { manager: "pnpm", version: "10.2.0" },
  });
  expect(project.settings.buildCommand).toBe("make it");
  expect(readFileSync(join(root, "apps/web/vercel.json"), "utf8")).toContain("make it");
  expect(existsSync(join(root, "vercel.json"))).toBe(false);
});

test.each([
  ["vercel.json", ["fra1"]],
  ["cloudify.json", "fra1"],
])("of regions in %s the log warns, as nothing uses them", async (name, regions) => {
  const project = await readProject(source({ [name]: manifest({ regions }) }), NOTHING);
  expect(project.warnings).toEqual([expect.stringMatching(new RegExp(`${name}.*projects set.*--regions`))]);
  const without = manifest({ regions: [], functions: { "api/a.js": { regions: ["fra1"] } } });
  expect((await readProject(source({ [name]: without }), NOTHING)).warnings).toEqual([]);
});

test.each([
  ["a workspace of pnpm's", 'packages:\n  - "apps/*"\n', "pnpm", null],
  ["settings alone", "onlyBuiltDependencies:\n  - esbuild\n", "pnpm", "pnpm prune --prod --ignore-scripts"],
  ["a workspace of npm's", null, "npm", "npm prune --omit=dev --ignore-scripts"],
])("what development's packages are taken away by in %s", async (_, yaml, manager, prune) => {
  const root = source({
    [manager === "pnpm" ? "pnpm-lock.yaml" : "package-lock.json"]: "",
    "package.json": manifest({ workspaces: ["apps/*"] }),
    ...(yaml === null ? {} : { "pnpm-workspace.yaml": yaml }),
    "apps/api/package.json": manifest({ scripts: { start: "node index.js" } }),
  });
  expect(pruneOf(await readProject(root, { ...NOTHING, rootDirectory: "apps/api" }))).toBe(prune);
});

test.each([
  [{ "a.txt": "" }, { ...NOTHING, rootDirectory: "apps/web" }, "no_root_directory"],
  [{ "a.txt": "" }, { ...NOTHING, rootDirectory: "../.." }, "no_root_directory"],
  [{ "cloudify.json": "{}", "vercel.json": "{}" }, NOTHING, "two_configs"],
  [{ "vercel.json": "{" }, NOTHING, "invalid_config"],
  [{ "package.json": "{" }, NOTHING, "invalid_package"],
  [{ "a.txt": "" }, { ...NOTHING, framework: "nope" }, "unknown_framework"],
])("%j with %j is refused with %s, and a fix", async (files, settings, code) => {
  await expect(readProject(source(files as Record<string, string>), settings)).rejects.toMatchObject({
    code,
    fix: expect.stringMatching(/./),
  });
});
