import { mkdirSync, mkdtempSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { planLive } from "./live/plan.ts";
import { planBuild } from "./plan.ts";

function written(files: Record<string, string>, at = ""): string {
  const root = join(mkdtempSync(join(tmpdir(), "cloudify-plan-")), at);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** @returns The folder that is served, relative to the project's. */
async function servedOf(files: Record<string, string>, at = ""): Promise<string> {
  const root = written(files, at);
  const plan = await planBuild(root, {}, "auto");
  return plan.kind === "static" ? relative(root, plan.folder) : expect.unreachable(`it is ${plan.kind}`);
}

const PAGE = { "public/index.html": "" };
const API = { "api/a.ts": 'export const config = { runtime: "edge" };' };
const manifest = (about: object) => ({ "package.json": JSON.stringify({ name: "x", ...about }) });
const DEPENDENCIES = manifest({ dependencies: { ms: "2" } });

test.each<[string, string, Record<string, string>]>([
  ["without a manifest", "public", { ...PAGE, ...API }],
  ["with dependencies, and nothing to build", "public", { ...PAGE, ...API, ...DEPENDENCIES }],
  ["with dependencies that are locked", "public", { ...PAGE, ...DEPENDENCIES, "yarn.lock": "" }],
  ["with a page at its root", "", { ...PAGE, ...DEPENDENCIES, "index.html": "" }],
  ["with an output directory", "site", { ...PAGE, "vercel.json": '{"outputDirectory":"site"}' }],
  ["without a folder `public`", "", { ...API, ...DEPENDENCIES }],
])("a project %s is served from its folder %j", async (_, served, files) => {
  expect(await servedOf(files)).toBe(served);
});

const BUILT = manifest({ scripts: { build: "x" } });
test.each<[string, Record<string, string>, string]>([
  ["that is installed", { ...PAGE, ...DEPENDENCIES }, "node_modules/x"],
  ["that is installed, and was built", { ...PAGE, ...BUILT }, "node_modules/x"],
  ["that was built elsewhere", { ...PAGE, ...BUILT }, ""],
])("a package %s is served whole: its `public` is one folder of it", async (_, files, at) => {
  expect(await servedOf(files, at)).toBe("");
});

test.each<[string, Record<string, string>]>([
  ["files", { "config.json": "{}", "static/a.txt": "" }],
  ["functions", { "config.json": '{"version":3}', "functions/a.func/.vc-config.json": "{}" }],
  ["functions, with a broken configuration,", { "config.json": "{", "functions/a": "" }],
  ["routes", { "config.json": '{"version":3,"routes":[]}' }],
])("a tree of nothing but %s is taken as it is, deployed and served", async (_, files) => {
  const root = written(files);
  for (const plan of [await planBuild(root, {}, "prebuilt"), await planLive(root, root, false)])
    expect(plan).toMatchObject({ kind: "prebuilt", output: root });
  expect(await planLive(root, null, false)).toMatchObject({ kind: "prebuilt", output: root });
});

test("a configuration of something else makes no tree of a folder", async () => {
  for (const config of ['{"version":3}', '{"routes":[]}', '{"version":1}']) {
    const root = written({ "config.json": config, "index.html": "" });
    await expect(planBuild(root, {}, "prebuilt")).rejects.toMatchObject({ code: "no_output" });
    expect(await planLive(root, null, false)).toMatchObject({ kind: "static" });
  }
  const beside = { ".vercel/output/config.json": "{}", "config.json": "{}", "functions/index.js": "" };
  const root = written(beside);
  const output = join(root, ".vercel/output");
  expect(await planBuild(root, {}, "prebuilt")).toMatchObject({ kind: "prebuilt", output });
});

test("of two trees that are there, the one that was written last is deployed", async () => {
  const root = mkdtempSync(join(tmpdir(), "cloudify-plan-"));
  const write = (folder: string, at: number) => {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, folder, "config.json"), "{}");
    utimesSync(join(root, folder, "config.json"), at, at);
  };
  const found = async () => {
    const plan = await planBuild(root, {}, "prebuilt");
    return plan.kind === "prebuilt" ? relative(root, plan.output) : expect.unreachable(`it is ${plan.kind}`);
  };
  await expect(found()).rejects.toMatchObject({ code: "no_output" });
  write(".vercel/output", 1);
  expect(await found()).toBe(".vercel/output");
  write(".cloudify/output", 2);
  expect(await found()).toBe(".cloudify/output");
  write(".vercel/output", 3);
  expect(await found()).toBe(".vercel/output");
});
