import { expect, test } from "vitest";
import { isNode, readNodeFunction } from "./node-functions.ts";

const files = new Map([["index.js", { sha256: "a".repeat(64), size: 10 }]]);
const read = (config: Record<string, unknown>, own: typeof files = files) =>
  readNodeFunction(
    "api/a",
    "functions/api/a.func",
    { runtime: "nodejs24.x", handler: "index.js", ...config },
    own,
    { own: [{ id: "rgn_1", name: "fra" }], further: [{ id: "rgn_2", name: "iad" }], hasFailover: false },
  );

test("what a builder says is taken as it is said, and what it leaves out as Vercel takes it", () => {
  expect(read({})).toMatchObject({
    ok: true,
    warnings: [],
    candidate: { node: 24, memory: 1_024, run: { handler: "index.js", hasHelpers: false, maxDuration: 300 } },
  });
  const environment = { A: "1" };
  const said = { shouldAddHelpers: true, maxDuration: 10, memory: 512, environment, launcherType: "Nodejs" };
  expect(read({ ...said, runtime: "nodejs18.x" })).toMatchObject({
    candidate: { node: 18, memory: 512, run: { hasHelpers: true, maxDuration: 10, environment } },
  });
  expect(read({ launcherType: "Service", command: "node server.js", handler: undefined })).toMatchObject({
    candidate: { run: { command: "node server.js", maxDuration: 300 } },
  });
});

test("an environment may be a list, as the specification has it: later records win", () => {
  expect(read({ environment: [{ A: "1", B: "1" }, { B: "2" }] })).toMatchObject({
    candidate: { run: { environment: { A: "1", B: "2" } } },
  });
  expect(read({ environment: [] })).toMatchObject({ candidate: { run: { environment: {} } } });
  expect(read({ environment: [{ A: 1 }] })).toMatchObject({ ok: false });
});

test("a handler may be named from the folder", () => {
  expect(read({ handler: "./index.js" })).toMatchObject({ candidate: { run: { handler: "index.js" } } });
});

test("a function of the web's kind is called as one", () => {
  expect(read({ useWebApi: true })).toMatchObject({ candidate: { run: { isWeb: true } } });
  const plain = read({});
  expect(plain.ok && "isWeb" in plain.candidate.run).toBe(false);
});

test("what has no effect is said", () => {
  expect(read({ memory: 64, maxDuration: 3_600 })).toMatchObject({
    ok: true,
    candidate: { memory: 128, run: { maxDuration: 900 } },
    warnings: [
      "functions/api/a.func: memory is 128, not 64",
      "functions/api/a.func: maxDuration is 900, not 3600",
    ],
  });
});

test("a function runs in the regions that it names, and names that the team lacks are told", () => {
  expect(read({})).toMatchObject({ candidate: { regions: null }, unknown: [] });
  expect(read({ regions: ["iad1", "sfo1"] })).toMatchObject({
    candidate: { regions: ["rgn_2"] },
    unknown: ["sfo1"],
  });
  expect(read({ regions: "auto" })).toMatchObject({ candidate: { regions: null }, unknown: [] });
  expect(read({ regions: { iad1: true } })).toMatchObject({ failure: { code: "invalid_output" } });
});

test.each([
  ["invalid_output", "its handler gone.js is not there", { handler: "gone.js" }],
  ["invalid_output", "its handler is not named", { handler: undefined }],
  ["invalid_output", "node_modules/x/i.js", { filePathMap: { "node_modules/x/i.js": "../x/i.js" } }],
  ["invalid_output", "memory", { memory: "much" }],
  ["invalid_output", "command", { launcherType: "Service" }],
  ["functions_not_yet", '"Bridge"', { launcherType: "Bridge" }],
])("%s says %j", (code, says, config) => {
  const made = read(config);
  expect(made).toMatchObject({ ok: false, failure: { code, detail: expect.stringContaining(says) } });
  if (!made.ok) expect(made.failure.fix).not.toBe("");
});

test("250 MiB are allowed, and no more", () => {
  const big = new Map([...files, ["big", { sha256: "b".repeat(64), size: 250 * 1024 * 1024 - 10 }]]);
  expect(read({}, big).ok).toBe(true);
  expect(read({}, big.set("one", { sha256: "c".repeat(64), size: 1 }))).toMatchObject({
    failure: { code: "function_too_large" },
  });
});

test("regions have the versions of Node that are maintained, and nothing else", () => {
  expect(["nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"].every(isNode)).toBe(true);
  expect(["nodejs16.x", "nodejs", "python3.12", "provided.al2023", "nodejs24.xx"].some(isNode)).toBe(false);
});
