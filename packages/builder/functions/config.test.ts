import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStaticConfig, type StaticConfig } from "./config.ts";

function read(source: string, name = "a.ts"): Promise<StaticConfig> {
  const path = join(mkdtempSync(join(tmpdir(), "cloudify-static-")), name);
  writeFileSync(path, source);
  return readStaticConfig(path, `api/${name}`);
}

test.each([
  'export const config = { runtime: "edge" }; const runtime = detect();',
  'export const runtime = "edge"; const config = load();',
  'export const runtime = "edge"; function f() { const config = load(); }',
  'const config = { runtime: "edge" }; export { config };',
  'const kind = "edge", other = pick(); export { other, kind as runtime };',
  'const kind = "edge"; export { kind as "runtime" };',
  'export const maxDuration = 10, runtime = "edge", dynamic = pick();',
  'export let runtime: string = "edge" as const;',
  'export const config = { runtime: "edge", maxDuration: 1e3, memory: 1_024, a: 0xff, b: -1.5e-7 };',
  'export const config = { runtime: "edge", maxDuration: 60 * 5 - 1 };',
  'export const config = { runtime: "edge", regions: undefined, "a-b": null, 1: [true, `c`] } satisfies Config;',
  'export const config = <Config>{ ["runtime"]: ("ed" + "ge") as const } as unknown;',
  `export const config = {
    // it's where "visitors" are (
    runtime: "edge", /* don't; */
    regions: [/* none's */],
  }; // 'tis all`,
  "export const runtime = /* isn't far */ 'edge';",
  'using it = open(); @kept class A {} export const runtime = "edge";',
])("%s says edge", async (source) => {
  expect((await read(source)).runtime).toBe("edge");
});

test.each([
  "const config = { api: process.env.API }; export default () => config;",
  'const config = { runtime: "edge" }; const runtime = "edge";',
  'export { config } from "./other"; const config = load();',
  'export const text = `\nexport const runtime = "edge";\n`;',
  'export function runtime() { return "edge"; }',
  "export let config;",
])("%s says nothing", async (source) => {
  expect(await read(source)).toEqual({ runtime: null, matcher: undefined });
});

test("a script of CommonJS, which exports nothing by name, says nothing", async () => {
  const source = "const config = load(); with (config) { module.exports = config; }\nif (config) return;";
  expect(await read(source, "a.js")).toEqual({ runtime: null, matcher: undefined });
});

test("what can't be read is refused, rather than taken for a function that says nothing", async () => {
  const source = 'import source sum from "./sum.wasm";\nexport const config = {};\nexport default sum;';
  await expect(read(source)).rejects.toMatchObject({
    code: "dynamic_config",
    message: expect.stringContaining("api/a.ts: what it exports can't be read"),
  });
});

test("a matcher is what it was written as", async () => {
  const { matcher } = await read(`export const config = {
    matcher: ["/a", { source: '/it\\'s', has: undefined, missing: [{ type: "header", key: "next", value: "" }] }],
  };`);
  expect(matcher).toEqual([
    "/a",
    { source: "/it's", has: undefined, missing: [{ type: "header", key: "next", value: "" }] },
  ]);
});

test.each([
  "export const config = load();",
  "export const config = { matcher: process.env.MATCHER };",
  "const config = { runtime }; export { config };",
  "const all = load(); export { all as config };",
  `export const config = { matcher: \`/\${name}\` };`,
  "export const config = { matcher: [...paths] };",
  "export const config = { ...defaults };",
  "export const config = { [key]: 1 };",
  "export const config = { get matcher() { return 1; } };",
  "export const config = { matcher: /x/ };",
  'export const config = { matcher: "a" + b };',
  "export const config = { matcher: () => 1 };",
  'export const runtime = isFast ? "edge" : "nodejs";',
])("%s is refused: only what is run would tell", async (source) => {
  await expect(read(source)).rejects.toMatchObject({
    code: "dynamic_config",
    message: expect.stringMatching(/^api\/a\.ts: its (?:config|runtime) is not a literal\.$/),
  });
});
