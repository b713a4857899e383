import { transform } from "esbuild";
import { expect, test } from "vitest";
import type { Call } from "#features/functions/call.ts";
import { linkedMap, MAX_MAP_COST, slimMap, withoutInlineMap } from "#features/functions/maps.ts";
import { hasFrames, mapFrames } from "#features/functions/stacks.ts";
import { Maps } from "./maps.ts";

const at = (module: string, line: number, column: number) =>
  module === "index.js"
    ? { source: line === 1 ? "cloudify:entry" : "api/a.ts", line: line + 10, column }
    : null;

test("frames are mapped wherever they stand; those of the platform go; the others stay", () => {
  const stack = [
    "Error: e",
    "    at deep (index.js:2:5)",
    "    at async Object.run (index.js:3:1)",
    "    at async index.js:4:1",
    "    at other (vendor.js:1:1)",
    "    at entry (index.js:1:1)",
    "    at AsyncLocalStorage.run (node-internal:async_hooks:70:1)",
    "    at async Object.fetch (__cloudify/main.js:30:20)",
    "    at async Object.fetch (__cloudify/main.js:30:20) {",
    "  [cause]: Error: inner",
    "      at index.js:9:9 } ],",
  ];
  expect(mapFrames(stack.join("\n"), at).split("\n")).toEqual([
    "Error: e",
    "    at deep (api/a.ts:12:5)",
    "    at async Object.run (api/a.ts:13:1)",
    "    at async api/a.ts:14:1",
    "    at other (vendor.js:1:1) {",
    "  [cause]: Error: inner",
    "      at api/a.ts:19:9 } ],",
  ]);
});

test("the last frame is one, too, where more is printed behind it", () => {
  const stack = [
    "failed Error: e",
    "    at deep (index.js:2:5)",
    "    at answer (__cloudify/main.js:51:26) { id: 7 }",
  ];
  expect(mapFrames(stack.join("\n"), at)).toBe("failed Error: e\n    at deep (api/a.ts:12:5) { id: 7 }");
  const said = "they met\n    at index.js:2:5 sharp\n    at 10:20:30 or so";
  expect(mapFrames(said, at)).toBe("they met\n    at api/a.ts:12:5 sharp\n    at 10:20:30 or so");
});

test("text without frames is no stack", () => {
  expect(hasFrames("look at index.js:1:2 please")).toBe(false);
  expect(hasFrames("Uncaught SyntaxError: x\n  at index.js:1:2")).toBe(true);
});

test("no line of a customer's makes it look for long", () => {
  const nasty = [
    `${"\n".repeat(2_660)} at ${"x".repeat(5_330)}`,
    `    at ${"(".repeat(4_000)}${":1:1 ] ".repeat(500)}x`,
    `    at ${"a ".repeat(2_000)}:1:${"2".repeat(4_000)}!`,
    `    at ${":1".repeat(4_000)}!`,
  ];
  for (const text of nasty) expect(mapFrames(text, at)).toBe(text);
});

test("a map of esbuild's leads to the line and column of the source, and keeps no source", async () => {
  const source = "type T = string;\n\nexport function deep(text: T): never {\n  throw new Error(text);\n}\n";
  const made = await transform(source, {
    loader: "ts",
    sourcemap: "external",
    sourcefile: "api/a.ts",
    minify: true,
  });
  const slim = slimMap(made.map)?.json ?? "";
  expect(slim).not.toContain("type T");
  const maps = new Maps(async () => ({ "index.js": slim }));
  const column = made.code.indexOf("new Error") + 1;
  const call = { team: "t", code: "c" } as Call;
  expect(await maps.map(call, `Error: x\n    at a (index.js:1:${column})`)).toBe(
    "Error: x\n    at a (api/a.ts:4:9)",
  );
});

test("a map that takes far more to open than to read counts for what it takes", () => {
  const flat = { version: 3, sources: ["a"], names: [], mappings: "AAAA" };
  const section = (line: unknown, map: object = flat) => ({ offset: { line, column: 0 }, map });
  const indexed = (...sections: object[]) => ({ version: 3, sections });
  const cost = (map: object) => slimMap(JSON.stringify(map))?.cost;
  expect(cost(flat)).toBeLessThan(200);
  // As bundlers write them: many sections, each further down.
  const many = Array.from({ length: 2_000 }, (_, i) => section(i * 20));
  expect(cost(indexed(...many))).toBeLessThan(MAX_MAP_COST / 4);
  for (const dear of [
    indexed(section(300_000_000)),
    { ...flat, sourceRoot: "x/../".repeat(200_000), sources: Array(1_000).fill("a") },
    { ...flat, mappings: "C;".repeat(1_000_000) },
  ])
    expect(cost(dear)).toBeGreaterThan(MAX_MAP_COST);
  // What can't be counted is no map.
  for (const odd of [
    indexed(section("3", { ...flat, mappings: "A;".repeat(100_000) })),
    indexed(section(0, { ...flat, ...indexed(section(300_000_000)) })),
    { ...flat, sourceRoot: ["http://a/".padEnd(1_000, "b")] },
  ])
    expect(cost(odd)).toBeUndefined();
});

test("of many functions' maps only the last are kept, and each is read once for all who ask meanwhile", async () => {
  const read: string[] = [];
  const large = JSON.stringify({
    version: 3,
    sources: ["a.ts"],
    names: [],
    mappings: ";".repeat(MAX_MAP_COST / 3),
  });
  const maps = new Maps(async ({ code }) => {
    read.push(code);
    return { "index.js": large };
  });
  const stackOf = (code: string) =>
    maps.map({ team: "t", code } as Call, "Error: x\n    at a (index.js:1:1)");
  await Promise.all([stackOf("a"), stackOf("a")]);
  for (const code of ["b", "a", "c", "a", "b"]) await stackOf(code);
  expect(read.join()).toBe("a,b,c,b");
});

test("maps that can't be read leave the stack as it is", async () => {
  const stack = "Error: x\n    at a (index.js:1:1)";
  const broken = new Maps(async () => ({ "index.js": '{"version":3,"mappings":"%%%","sources":[]}' }));
  const away = new Maps(() => Promise.reject(new Error("away")));
  for (const maps of [broken, away])
    expect(await maps.map({ team: "t", code: "c" } as Call, stack)).toBe(stack);
});

test("the last link of a text is what counts; an inline map is taken out, its line stays", () => {
  const map = '{"version":3}';
  const url = `data:application/json;charset=utf-8;base64,${btoa(map)}`;
  const text = `a;\n//# sourceMappingURL=old.map\nb;\n//# sourceMappingURL=${url}\n`;
  expect(linkedMap(text)).toEqual({ inline: map });
  expect(withoutInlineMap(text)).toBe("a;\n//# sourceMappingURL=old.map\nb;\n\n");
  expect(linkedMap("x;\n//# sourceMappingURL=a.js.map")).toEqual({ path: "a.js.map" });
  expect(linkedMap("x;\n//# sourceMappingURL=https://example.com/a.map")).toBeNull();
});
