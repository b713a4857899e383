import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LiveBuilder, planLive } from "@cloudify/builder";
import { expect, test } from "vitest";
import { mapStack } from "./stack.ts";

const lib = `// A line of its own.
export function deep() {
  throw new Error("on purpose");
}
`;
const api = `import { deep } from "../lib/index.js";
export const config = { runtime: "edge" };
export default () => deep();
`;

/** @returns The bundle, its map, and the project's folder. */
async function bundle(files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), "cloudify-stack-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const { signal } = new AbortController();
  const options = { env: {}, onLog: () => undefined, signal, changed: null, server: null };
  const made = await new LiveBuilder(root).build(await planLive(root, null, false), options);
  const read = (name: string): string => {
    const from = made.files.find(({ path }) => path === `functions/api.func/${name}`)?.from;
    return Buffer.from(from as Uint8Array).toString("utf8");
  };
  return { root, code: read("index.js"), map: read("index.js.map") };
}

/** What a bundle throws, with frames that nobody has mapped. */
async function thrownBy(code: string): Promise<string> {
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  const { default: handler } = (await import(url)) as { default: (request: Request) => Promise<unknown> };
  const error = await handler(new Request("http://localhost/")).catch((thrown: unknown) => thrown);
  const frames = (error as Error).stack
    ?.split("\n")
    .filter((line) => !line.includes("    at ") || line.includes(url));
  return frames?.join("\n").replaceAll(url, "index.js") ?? "";
}

test("sources called index.js keep their places, whether the platform has mapped the frames or not", async () => {
  const { root, code, map } = await bundle({ "api/index.js": api, "lib/index.js": lib });
  const places = [
    { file: "lib/index.js", line: 3, column: 9 },
    { file: "api/index.js", line: 3, column: 22 },
  ];
  const raw = await thrownBy(code);
  expect(raw).toContain("(index.js:");
  expect(mapStack(raw, map, root)).toEqual({ message: "Error: on purpose", places });
  const told = "Error: on purpose\n    at deep (lib/index.js:3:9)\n    at api_default (api/index.js:3:22)";
  expect(mapStack(told, map, root)).toEqual({ message: "Error: on purpose", places });
});

test("a source index.js in the project's own folder keeps its place", async () => {
  const { root, map } = await bundle({ "api/index.js": api.replace("../lib", ".."), "index.js": lib });
  const told = "Error: on purpose\n    at deep (index.js:3:9)\n    at api_default (api/index.js:3:22)";
  expect(mapStack(told, map, root).places).toEqual([
    { file: "index.js", line: 3, column: 9 },
    { file: "api/index.js", line: 3, column: 22 },
  ]);
});

test("packages above the project are not its own, whatever their files are called", () => {
  const sources = ["../node_modules/a/index.js", "api/index.js"];
  const map = JSON.stringify({ version: 3, sources, names: [], mappings: "ACAA" });
  const told = "Error: e\n    at a (node_modules/a/index.js:1:1)\n    at api_default (api/index.js:4:22)";
  expect(mapStack(told, map, tmpdir()).places).toEqual([{ file: "api/index.js", line: 4, column: 22 }]);
});

test.each(["", "null", "{", "[]", '{"version":3}'])("what is no map (%s) leaves the text as it is", (map) => {
  const { message, places } = mapStack(
    "Error: on purpose\n    at index.js:3:9\n    at api/a.ts:1:2",
    map,
    "/site",
  );
  expect(message).toBe("Error: on purpose");
  expect(places).toContainEqual({ file: "api/a.ts", line: 1, column: 2 });
});
