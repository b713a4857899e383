import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { runBuild } from "./build.ts";
import { LiveBuilder } from "./live/build.ts";
import { planBuild } from "./plan.ts";

function folder(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "cloudify-joined-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const options = () => ({ env: {}, onLog: () => undefined, signal: new AbortController().signal });

/** @returns The tree that a build leaves. */
async function build(root: string): Promise<string> {
  return runBuild(await planBuild(root, {}, "auto"), {
    ...options(),
    output: join(root, ".cloudify/output"),
  });
}

/** What `cloudify dev` makes of the same folder. */
async function live(root: string) {
  const plan = await planBuild(root, {}, "auto");
  const { files } = await new LiveBuilder(root).build(plan, { ...options(), changed: null, server: null });
  const config = files.find((file) => file.path === "config.json");
  return { files, config: config?.from };
}

/** Writes what an adapter does. */
const ADAPTER = `import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
const write = (path, text) => {
  mkdirSync(".vercel/output/" + path.replace(/[^/]+$/, ""), { recursive: true });
  writeFileSync(".vercel/output/" + path, text);
};
write("static/a.txt", "a");
write("functions/fn.func/.vc-config.json", '{"runtime":"edge","entrypoint":"index.js"}');
write("functions/fn.func/index.js", "export default () => new Response()");
symlinkSync("fn.func", ".vercel/output/functions/b.func");
write("config.json", JSON.stringify({ version: 3, overrides: {}, routes: [
  { src: "/_app/.+", headers: { "x-kept": "1" } }, { handle: "filesystem" }, { src: "/.*", dest: "/fn" }] }));`;
const EDGE = 'export const config = { runtime: "edge" };\nexport default () => new Response("x");';
const config = (more: object = {}) => JSON.stringify({ buildCommand: "node make.mjs", ...more });
const project = {
  "make.mjs": ADAPTER,
  "vercel.json": config({
    redirects: [{ source: "/old", destination: "/new" }],
    rewrites: [{ source: "/as", destination: "/api/hello" }],
  }),
  "api/hello.ts": EDGE,
  "middleware.ts": EDGE.replace("{ runtime", '{ matcher: "/in", runtime'),
};

test("a tree that the build made is joined with routes, functions and the middleware of the project", async () => {
  const root = folder(project);
  const output = await build(root);
  expect(output).toBe(join(root, ".cloudify/output"));
  const text = readFileSync(join(output, "config.json"), "utf8");
  const { routes, ...rest } = JSON.parse(text) as { routes: object[] };
  expect(rest).toEqual({ version: 3, overrides: {} });
  expect(routes).toMatchObject([
    { headers: { Location: "/new" } },
    { middlewarePath: "_middleware" },
    { src: "/_app/.+" },
    { handle: "filesystem" },
    { dest: "/api/hello" },
    { src: "^/api(/.*)?$", status: 404 },
    { dest: "/fn" },
  ]);
  for (const name of ["fn", "api/hello", "_middleware"])
    expect(existsSync(join(output, `functions/${name}.func/index.js`))).toBe(true);
  expect(lstatSync(join(output, "functions/b.func")).isSymbolicLink()).toBe(true);

  const again = folder(project);
  const { files, config } = await live(again);
  expect(String(config)).toBe(text);
  expect(files.map((file) => file.path)).toEqual(
    expect.arrayContaining(["static/a.txt", "functions/api/hello.func/index.js"]),
  );
});

test.each<[string, Record<string, string>]>([
  ["with nothing to join", { "vercel.json": config() }],
  ["of vercel build, which has joined it", { "make.mjs": `${ADAPTER}\nwrite("builds.json", "{}");` }],
])("a tree %s is taken as it is", async (_, files) => {
  const own = { "make.mjs": ADAPTER, "vercel.json": config() };
  const root = folder(files["make.mjs"] ? { ...project, ...files } : { ...own, ...files });
  expect(await build(root)).toBe(join(root, ".vercel/output"));
  const { config: text, files: found } = await live(
    folder(files["make.mjs"] ? { ...project, ...files } : own),
  );
  expect(text).toMatch(/\.vercel\/output\/config\.json$/);
  expect(found.some((file) => file.path.includes("_middleware"))).toBe(false);
});

test.each<[string, Record<string, string>, string]>([
  ["a function for Node.js", { "api/hello.ts": "export default () => 1" }, "functions_not_yet"],
  [
    "a name that the build has taken",
    { "make.mjs": ADAPTER.replaceAll("fn.func", "api/hello.func") },
    "ambiguous_functions",
  ],
])("%s beside a tree is refused", async (_, files, code) => {
  await expect(build(folder({ ...project, ...files }))).rejects.toMatchObject({ code });
  await expect(live(folder({ ...project, ...files }))).rejects.toMatchObject({ code });
});

test.each([
  ["astro", "src/middleware.ts"],
  ["nextjs", "middleware.ts"],
])("%s sees to its %s by itself", async (framework, file) => {
  const root = folder({
    "make.mjs": ADAPTER,
    "vercel.json": config({ framework }),
    [file]: "import 'astro:x';",
  });
  expect(await build(root)).toBe(join(root, ".vercel/output"));
});

const DIST = `import { mkdirSync, writeFileSync } from "node:fs";
mkdirSync("dist", { recursive: true });
writeFileSync("dist/index.html", "new");`;
test("Astro's own middleware is none of the platform's, with an adapter or without", async () => {
  const files = { "vercel.json": config({ framework: "astro" }), "src/middleware.ts": "import 'astro:x';" };
  const root = folder({ ...files, "make.mjs": DIST });
  expect(existsSync(join(await build(root), "static/index.html"))).toBe(true);
  expect((await live(root)).files.map((file) => file.path).sort()).toEqual([
    "config.json",
    "static/index.html",
  ]);
});

const OLD = { ".vercel/output/config.json": '{"version":3}', ".vercel/output/static/index.html": "old" };

test.each<[string, Record<string, string>, string]>([
  ["elsewhere: that is taken", { "make.mjs": DIST }, "new"],
  [
    "there, too: the tree is taken",
    { "make.mjs": `${DIST}\n${DIST.replace(/import.*\n/, "").replaceAll("dist", ".vercel/output/static")}` },
    "new",
  ],
  ["nowhere, as a cache has all: the tree is taken", { "make.mjs": "", "dist/index.html": "older" }, "old"],
])("an old tree lies there, and a build writes %s", async (_, files, expected) => {
  const output = await build(folder({ ...OLD, "vercel.json": config(), ...files }));
  expect(readFileSync(join(output, "static/index.html"), "utf8")).toBe(expected);
});
