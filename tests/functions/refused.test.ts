/** What could only fail when it is called fails the deployment, with the place and what to do. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions, edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
let project: string;

beforeAll(async () => {
  await platform.start();
  ({ id: project } = await platform.client.request("POST /api/projects", { body: { name: "strict" } }));
});
afterAll(() => platform.remove());

const HANDLER = `export default () => new Response("ok")`;

test.each([
  [
    "a module of Node's that isolates do not have",
    `import "./lib.js";\n${HANDLER}`,
    "missing_module",
    /^functions\/api\/hello\.func\/lib\.js:2 imports "node:sea", which isolates do not have\.$/,
  ],
  [
    "a package that is not in the bundle",
    `\n\nimport pad from "left-pad";\n${HANDLER}`,
    "missing_module",
    /^functions\/api\/hello\.func\/index\.js:3 imports "left-pad"/,
  ],
  [
    "a syntax error",
    `${HANDLER};\nconst = 1;`,
    "syntax_error",
    /^functions\/api\/hello\.func\/index\.js:2:7: SyntaxError: Unexpected token\n {2}2 \| const = 1;\n {4}\| {7}\^$/,
  ],
  [
    "an attribute that isolates do not know",
    `import css from "./style.css" with { type: "css" };\n${HANDLER}`,
    "syntax_error",
    /^functions\/api\/hello\.func\/index\.js:1 imports "\.\/style\.css" with \{ type: "css" \}, which isolates do not know\.$/,
  ],
])("%s", async (_, code, expected, detail) => {
  const lib = { "lib.js": `// of the vendor\nimport "node:sea";`, "style.css": "a{}" };
  const done = await deployTree(platform.client, project, { ...tree({}), ...edge("api/hello", code, lib) });
  expect(done).toMatchObject({
    state: "error",
    error: { code: expected, detail: expect.stringMatching(detail) },
  });
  expect(done.error?.fix).not.toBe("");
});

test("an asset that is not in the function's folder", async () => {
  const settings = { runtime: "edge", entrypoint: "index.js", assets: [{ name: "font", path: "font.ttf" }] };
  const files = { ...tree({}), ...edge("api/hello", HANDLER) };
  files["functions/api/hello.func/.vc-config.json"] = JSON.stringify(settings);
  const done = await deployTree(platform.client, project, files);
  expect(done).toMatchObject({
    state: "error",
    error: { code: "invalid_output", detail: expect.stringContaining("its asset font.ttf is not there") },
  });
});

test("an entrypoint that is no JavaScript; one with a dot before it is there", async () => {
  const files = (entrypoint: string) => ({
    ...tree({}),
    ...edge("api/hello", HANDLER, { "index.ts": HANDLER }),
    "functions/api/hello.func/.vc-config.json": JSON.stringify({ runtime: "edge", entrypoint }),
  });
  expect(await deployTree(platform.client, project, files("index.ts"))).toMatchObject({
    state: "error",
    error: {
      code: "invalid_output",
      detail: expect.stringContaining("its entrypoint index.ts is no JavaScript"),
    },
  });
  expect(await deployTree(platform.client, project, files("./index.js"))).toMatchObject({ state: "ready" });
});

test("a module that is there and does nothing is let pass, with a warning in the log", async () => {
  const done = await deployFunctions(platform.client, project, { index: `import "node:vm";\n${HANDLER}` });
  expect(await (await get(`http://strict.localhost:${platform.port}/`)).text()).toBe("ok");
  const { stdout } = await platform.cli("logs", done.id, "--json");
  expect(stdout).toContain(
    "functions/index.func/index.js:1 imports node:vm, which is there but does nothing",
  );
});

test("source that the platform bundles is refused before anything is made of it", async () => {
  const body = {
    name: "nodeish",
    source: `import { spawn } from "node:child_process";\nexport default () => new Response(String(spawn("id")))`,
  };
  const asked = platform.client.request("POST /api/functions", { body });
  await expect(asked).rejects.toThrow(
    /index\.ts:1:\d+: node:child_process does not exist in an edge function/,
  );
});
