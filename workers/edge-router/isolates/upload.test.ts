import { expect, test } from "vitest";
import type { Call } from "#features/functions/call.ts";
import type { LoadedCode } from "../functions/code.ts";
import { callOf, metadataOf, uploadOf } from "./upload.ts";

const CALL: Call = {
  id: "dpl_1/abc/-/api/hello [x],y",
  team: "team_1",
  project: "prj_1",
  deployment: "dpl_1",
  name: "api/hello [x],y",
  code: "abc",
  env: null,
  system: {},
};
const LOADED: LoadedCode = {
  code: {
    v: 1,
    main: "index.js",
    modules: {
      "index.js": { js: "export default 1" },
      "a.wasm": { wasm: "AGFzbQ==" },
      "d.json": { json: { a: 1 } },
    },
    assets: {},
    environment: {},
  },
  env: { TOKEN: "canary" },
  secrets: ["canary"],
};

test("the environment is bound as secrets, and ours is the main module", () => {
  expect(metadataOf(LOADED, CALL)).toMatchObject({
    main_module: "__cloudify/main.js",
    bindings: [{ type: "secret_text", name: "TOKEN" }],
  });
});

test("each module is a part of its own name and type, beside ours", async () => {
  const parts = [...uploadOf(LOADED, CALL)].map(([name, part]) => [
    name,
    typeof part === "string" ? "" : part.type,
  ]);
  expect(Object.fromEntries(parts)).toEqual({
    metadata: "application/json",
    "__cloudify/prelude.js": "application/javascript+module",
    "__cloudify/files.js": "application/javascript+module",
    "__cloudify/main.js": "application/javascript+module",
    "index.js": "application/javascript+module",
    "a.wasm": "application/wasm",
    "a.wasm?module": "application/wasm",
    "d.json": "application/javascript+module",
  });
});

test("a script's tags say whose lines its lines are", () => {
  const { tags } = metadataOf(LOADED, CALL);
  expect(tags.join("")).not.toMatch(/[,&]/);
  expect(callOf(tags)).toEqual(CALL);
  expect(callOf(["stranger:x"])).toBeNull();
});
