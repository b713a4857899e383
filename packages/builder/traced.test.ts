import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { LiveBuilder } from "./live/build.ts";
import { readTree } from "./tree.ts";

const AT = "functions/api/hello.func";
const EDGE = JSON.stringify({ runtime: "edge", deploymentTarget: "v8-worker", entrypoint: "api/hello.js" });

/** A project with a tree that has one edge function. @param files Of the function; others begin with a slash. */
function project(files: Record<string, string>, config = EDGE): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "cloudify-tree-")));
  const all = { "/.vercel/output/config.json": '{"version":3}', ".vc-config.json": config, ...files };
  for (const [path, text] of Object.entries(all)) {
    const at = path.startsWith("/") ? join(root, path) : join(root, ".vercel/output", AT, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, text);
  }
  return root;
}

/** @returns Path in the function's folder → text of what was made. */
async function read(root: string): Promise<{ made: Record<string, string>; kept: string[] }> {
  const output = join(root, ".vercel/output");
  const { found, made } = await readTree(output, root);
  const { files } = await new LiveBuilder(root).build(
    { kind: "prebuilt", root, output },
    { env: {}, onLog: () => undefined, signal: new AbortController().signal, changed: null, server: null },
  );
  const developed = files.map(({ path, from }) => [path, typeof from === "string" ? from : textOf(from)]);
  const deployed = [
    ...found.map(({ path, absolute }) => [path, absolute]),
    ...made.map(([path, bytes]) => [path, textOf(bytes)]),
  ];
  expect(developed).toEqual(deployed);
  return {
    made: Object.fromEntries(made.map(([path, bytes]) => [path.slice(AT.length + 1), textOf(bytes)])),
    kept: found.map(({ path }) => path).filter((path) => path.startsWith(AT)),
  };
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** What the bundle answers. */
async function answerOf(made: Record<string, string>): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), "cloudify-run-")), "index.mjs");
  writeFileSync(path, made["index.js"] ?? "");
  const { default: handler } = (await import(pathToFileURL(path).href)) as {
    default: (request: Request) => Promise<Response>;
  };
  return (await handler(new Request("http://x/"))).text();
}

const HANDLER = "export default () => new Response(String(it));";
const COMMON = `Object.defineProperty(exports, "__esModule", { value: true });
  var _pkg = require("pkg"); var _util = require("../lib/util");
  exports.default = () => new Response(_pkg.it + _util.it);`;
const PKG = {
  "node_modules/pkg/package.json": '{"name":"pkg","main":"main.js"}',
  "node_modules/pkg/main.js": 'exports.it = "pkg";',
};

test.each<[string, Record<string, string>, string]>([
  ["CommonJS of one's own", { "api/hello.js": 'exports.default = () => new Response("own");' }, "own"],
  ["CommonJS", { "api/hello.js": COMMON, "lib/util.js": 'exports.it = "util"', ...PKG }, "pkgutil"],
  [
    "a handler by its method in CommonJS",
    { "api/hello.js": 'exports.GET = () => new Response("got")' },
    "got",
  ],
  ["a package", { "api/hello.js": `import { it } from "pkg";\n${HANDLER}`, ...PKG }, "pkg"],
  [
    "a package by the condition that led its tracer",
    {
      "api/hello.js": `import { it } from "@a/pkg/sub";\n${HANDLER}`,
      "node_modules/@a/pkg/package.json":
        '{"exports":{"./sub":{"workerd":"./gone.js","edge-light":"./edge.js","default":"./gone.js"}}}',
      "node_modules/@a/pkg/edge.js": 'exports.it = "edge";',
    },
    "edge",
  ],
  [
    "a module without its ending",
    { "api/hello.js": `import { it } from "../lib/util";\n${HANDLER}`, "lib/util.js": "export const it = 1" },
    "1",
  ],
  [
    "an index of a folder",
    { "api/hello.js": `import { it } from "../lib";\n${HANDLER}`, "lib/index.js": "export const it = 2" },
    "2",
  ],
  [
    "a name of its package.json",
    {
      "api/hello.js": `import { it } from "#it";\n${HANDLER}`,
      "package.json": '{"type":"module","imports":{"#it":"./lib/it.js"}}',
      "lib/it.js": "export const it = 3",
    },
    "3",
  ],
  [
    "CommonJS beneath an ES module",
    { "api/hello.js": `import { it } from "../lib/it.js";\n${HANDLER}`, "lib/it.js": "exports.it = 4" },
    "4",
  ],
  [
    "a package beside names that are made as it runs",
    {
      "api/hello.js":
        "import { it } from 'pkg';\nexport const more = (name) => import(`../chunks/$" +
        `{name}.js\`);\n${HANDLER}`,
      "chunks/a.js": "export const a = 1",
      ...PKG,
    },
    "pkg",
  ],
  [
    "what may never be reached",
    {
      "api/hello.js": `import { it } from "pkg";\nexport const other = () => import("gone");\n${HANDLER}`,
      ...PKG,
      "node_modules/pkg/main.js": 'exports.it = "pkg"; exports.more = () => require("not-there");',
    },
    "pkg",
  ],
])("a traced tree is bundled: %s", async (_, files, answer) => {
  const { made, kept } = await read(project(files));
  expect(kept).toEqual([]);
  expect(Object.keys(made).sort()).toEqual([".vc-config.json", "index.js", "index.js.map"]);
  expect(JSON.parse(made[".vc-config.json"] ?? "")).toEqual({ ...JSON.parse(EDGE), entrypoint: "index.js" });
  expect(await answerOf(made)).toBe(answer);
});

test("files that lie in the project, links, WASM and assets come along; nothing else of the project does", async () => {
  const config = {
    ...JSON.parse(EDGE),
    assets: [{ name: "font", path: "fonts/a.ttf" }],
    filePathMap: { "api/hello.js": "api/hello.js", "node_modules/.store/pkg/index.js": "store/index.js" },
  };
  const root = project(
    {
      "/api/hello.js": `import { it } from "pkg";\nimport sum from "../sum.wasm?module";\n${HANDLER}\nexport { sum };`,
      "/store/index.js": 'exports.it = "linked";',
      "sum.wasm": "wasm",
      "fonts/a.ttf": "font",
      "fonts/b.ttf": "font",
    },
    JSON.stringify(config),
  );
  mkdirSync(join(root, ".vercel/output", AT, "node_modules"));
  symlinkSync(".store/pkg", join(root, ".vercel/output", AT, "node_modules/pkg"));
  // The tracer did not list it.
  writeFileSync(join(root, "store/package.json"), '{"main":"gone.js"}');
  const { made } = await read(root);
  const names = Object.keys(made).sort();
  expect(names).toEqual([
    ".vc-config.json",
    "fonts/a.ttf",
    "index.js",
    "index.js.map",
    expect.stringMatching(/^wasm\/.+\.wasm$/),
  ]);
  expect(JSON.parse(made[".vc-config.json"] ?? "")).not.toHaveProperty("filePathMap");
  expect(made["index.js"]).toContain('"linked"');
});

test("a middleware that answers nothing lets the request pass", async () => {
  const root = project({ "api/hello.js": "exports.default = () => undefined; exports.__esModule = true;" });
  const routes = [{ src: "/.*", middlewarePath: "api/hello", continue: true }];
  writeFileSync(join(root, ".vercel/output/config.json"), JSON.stringify({ version: 3, routes }));
  const { made } = await read(root);
  expect(made["index.js"]).toContain("x-middleware-next");
  expect(await answerOf(made)).toBe("");
});

test.each<[string, Record<string, string>]>([
  ["a bundle", { "api/hello.js": 'import fs from "node:fs";\nimport "buffer";\nexport default () => {}' }],
  [
    "modules by their whole names",
    { "api/hello.js": `import { it } from "../lib.js";\n${HANDLER}`, "lib.js": "export const it = 1" },
  ],
  [
    "WASM and JSON",
    { "api/hello.js": 'import "../a.wasm?module";\nimport "../a.json"', "a.wasm": "", "a.json": "{}" },
  ],
  [
    "a script that is run for what it does",
    { "api/hello.js": `import "../u.js";\nexport default 1`, "u.js": "exports.a = 1" },
  ],
  [
    "a bundle of Next.js",
    { "api/hello.js": 'typeof module !== "undefined" && module.exports; globalThis._ENTRIES = {}' },
  ],
  [
    "names that are made as it runs",
    {
      "api/hello.js": "export default (name) => import(`../chunks/$" + "{name}.js`)",
      "chunks/a.js": "export const a = 1",
    },
  ],
  [
    "what is nowhere in it",
    { "api/hello.js": 'import "left-pad";\nimport "./gone";\nimport("../gone.js")', ...PKG },
  ],
  ["what can't be read", { "api/hello.js": 'import "pkg";\nconst = 1', ...PKG }],
  ["a package that is named nowhere", { "api/hello.js": "export default 1", ...PKG }],
])("a folder is left as it is: %s", async (_, files) => {
  const { made, kept } = await read(project(files));
  expect(made).toEqual({});
  expect(kept.sort()).toEqual(
    [".vc-config.json", ...Object.keys(files)].map((path) => `${AT}/${path}`).sort(),
  );
});

test("a .cjs is CommonJS to an isolate too: it is bundled for what it requires, not for what it is", async () => {
  const config = EDGE.replace("hello.js", "hello.cjs");
  const [own, traced] = ['"./util.cjs"', '"./util"'].map(
    (name) => `exports.default = () => require(${name});`,
  );
  const util = { "api/util.cjs": "exports.it = 1", "api/util.js": "exports.it = 1" };
  expect((await read(project({ "api/hello.cjs": own ?? "", ...util }, config))).made).toEqual({});
  expect((await read(project({ "api/hello.cjs": traced ?? "", ...util }, config))).made).toHaveProperty(
    ["index.js"],
    expect.any(String),
  );
});

test.each(["index.ts", "./index.ts"])("an entrypoint in TypeScript is bundled: %s", async (entrypoint) => {
  const files = {
    "index.ts": "export default (request: Request): Response => new Response(request.method);",
  };
  const { made } = await read(project(files, JSON.stringify({ runtime: "edge", entrypoint })));
  expect(await answerOf(made)).toBe("GET");
  expect(JSON.parse(made[".vc-config.json"] ?? "")).toEqual({ runtime: "edge", entrypoint: "index.js" });
});

test("a function for Node.js keeps its tree", async () => {
  const config = JSON.stringify({ runtime: "nodejs22.x", handler: "api/hello.js", launcherType: "Nodejs" });
  expect((await read(project({ "api/hello.js": COMMON, ...PKG }, config))).made).toEqual({});
});

test("what a package lacks ends it with the place", async () => {
  const root = project({
    "api/hello.js": `import { it } from "pkg";\nimport "pad";\n${HANDLER}`,
    ...PKG,
  });
  await expect(readTree(join(root, ".vercel/output"), root)).rejects.toMatchObject({
    code: "bundle_failed",
    message: expect.stringMatching(
      /^functions\/api\/hello\.func\/api\/hello\.js:2:8: Could not resolve "pad"/,
    ),
  });
});

test("nothing is read that lies outside of the folder, and nothing is left behind", async () => {
  const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("cloudify-traced-"));
  const before = copies();
  const secret = join(mkdtempSync(join(tmpdir(), "cloudify-secret-")), "secret.js");
  writeFileSync(secret, "export const it = 'secret'");
  const root = project({
    "api/hello.js": `import "pkg";\nimport { it } from "${secret}";\n${HANDLER}`,
    ...PKG,
  });
  await expect(readTree(join(root, ".vercel/output"), root)).rejects.toMatchObject({
    code: "bundle_failed",
    message: expect.stringContaining("secret.js lies outside of the function's folder"),
  });
  expect(copies()).toEqual(before);
});

test("the library that Vercel's middlewares import is found where the tracer put it", async () => {
  const root = project({
    "api/hello.js": `import { next } from "@vercel/edge";\nexport default () => next();`,
  });
  const from = join(import.meta.dirname, "../../node_modules/@vercel/edge");
  const to = join(root, ".vercel/output", AT, "node_modules/@vercel/edge");
  for (const path of ["package.json", "dist/index.js"]) cpSync(join(from, path), join(to, path));
  const { made } = await read(root);
  expect(made["index.js"]).toContain("x-middleware-next");
});
