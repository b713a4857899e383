import { expect, test } from "vitest";
import { filesText } from "./files.ts";

test("assets go by their names, WASM by its path, and other modules not at all", () => {
  const text = filesText({
    modules: {
      "index.js": { js: "" },
      "wasm/a.wasm": { wasm: "AGFzbQ==" },
      'b".bin': { data: "AA==" },
    },
    assets: { ["__proto__"]: 'b".bin' },
  });
  expect(text).toBe(
    [
      'import assets0 from "../b\\".bin";',
      'export const assets = { ["__proto__"]: assets0 };',
      'import wasm0 from "../wasm/a.wasm";',
      'export const wasm = { ["wasm/a.wasm"]: wasm0 };',
      "",
    ].join("\n"),
  );
});
