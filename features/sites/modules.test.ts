import { builtinModules } from "node:module";
import { nodeModule } from "@cloudify/builder/node-modules";
import { expect, test } from "vitest";
import { checkModules } from "./modules.ts";

const HANDLER = "export default () => new Response('x');";
const check = (modules: Record<string, string>, main = "index.js") =>
  checkModules(Object.fromEntries(Object.entries(modules).map(([name, js]) => [name, { js }])), main);

test("what its entry needs at once is followed, by every way to write it", () => {
  const found = check({
    "index.js": `import a from "./lib/a.js";\nexport * from "/b.js";\nimport "node:path";\nimport "fs";\nimport "cloudflare:sockets";\n${HANDLER}`,
    "lib/a.js": `export { c } from "../c.js";\nexport default 1`,
    "b.js": `import "./lib/a.js"; import "./index.js"`,
    "c.js": "export const c = 1",
  });
  expect(found).toEqual({ ok: true, warnings: [] });
});

test.each([
  ["node:sea", /^lib\.js:2 imports "node:sea", which isolates do not have\.$/],
  ["left-pad", /^lib\.js:2 imports "left-pad", which is a package that is not in the bundle\.$/],
  ["./gone.js", /^lib\.js:2 imports "\.\/gone\.js", which is not in the function's folder\.$/],
  ["https://esm.sh/x", /^lib\.js:2 imports "https:\/\/esm\.sh\/x", and nothing is fetched/],
])("an import of %s is refused with module and line", (specifier, detail) => {
  const found = check({
    "index.js": `import "./lib.js";\n${HANDLER}`,
    "lib.js": `// first\nimport "${specifier}"`,
  });
  expect(found).toEqual({
    ok: false,
    code: "missing_module",
    detail: expect.stringMatching(detail),
    fix: expect.any(String),
  });
});

test("an attribute that isolates do not know is refused, with module and line", () => {
  const found = check({
    "index.js": `\nexport { default } from "./data.js" with { type: "json" };`,
    "data.js": "export default 1",
  });
  expect(found).toMatchObject({
    code: "syntax_error",
    detail: 'index.js:2 imports "./data.js" with { type: "json" }, which isolates do not know.',
  });
});

test("what may never be reached is not refused: an import() of it, a module that nothing imports", () => {
  const found = check({
    "index.js": `export default async () => { await import("node:sea"); await import("./gone.js") }`,
    "rest.js": `import "left-pad"; ((`,
  });
  expect(found).toEqual({ ok: true, warnings: [] });
});

test("modules that are there and do nothing are named in a warning", () => {
  const { ok, warnings } = check({ "index.js": `\nimport vm from "node:vm";\n${HANDLER}` }) as {
    ok: true;
    warnings: string[];
  };
  expect([ok, warnings]).toEqual([
    true,
    [expect.stringMatching(/^index\.js:2 imports node:vm, which is there but does nothing/)],
  ]);
});

test("a syntax error has its place and the line", () => {
  const found = check({ "index.js": 'const a = 1;\nexport default () => { return new Response("x" }' });
  expect(found).toMatchObject({ ok: false, code: "syntax_error" });
  expect(found.ok ? "" : found.detail).toMatch(
    /^index\.js:2:48: SyntaxError: .+\n {2}2 \| export default .+\n {4}\| {48}\^$/,
  );
});

test("a large bundle is looked at too", () => {
  const filler = `/* ${"x".repeat(600_000)} */\n`;
  expect(check({ "index.js": `${filler}import "left-pad";\n${HANDLER}` }).ok).toBe(false);
  expect(check({ "index.js": `${filler}${HANDLER}` }).ok).toBe(true);
});

test("each of Node's own modules is known", () => {
  for (const name of builtinModules) expect(nodeModule(`node:${name.replace(/^node:/, "")}`)).not.toBeNull();
});
