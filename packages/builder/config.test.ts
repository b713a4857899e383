import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runBuild } from "./build.ts";
import { parseConfig } from "./config.ts";
import { planBuild } from "./plan.ts";

const root = mkdtempSync(join(tmpdir(), "cloudify-config-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("of regions at the top of a configuration the log warns, with what to do", async () => {
  writeFileSync(join(root, "vercel.json"), JSON.stringify({ regions: ["fra1"] }));
  writeFileSync(join(root, "index.html"), "hello");
  const lines: string[] = [];
  await runBuild(await planBuild(root, {}, "auto"), {
    output: join(root, ".cloudify/output"),
    env: {},
    onLog: ({ text }) => lines.push(text),
    signal: new AbortController().signal,
  });
  const told = expect.stringMatching(
    /^Warning: `regions` of vercel\.json .*projects set <project> --regions/,
  );
  expect(lines).toContainEqual(told);
});

test.each([{}, { regions: [] }, { regions: null }, { version: 2, name: "shop" }])(
  "%j warns of nothing",
  (config) => {
    expect(parseConfig("vercel.json", JSON.stringify(config)).warnings).toEqual([]);
  },
);

test("how long functions may run refuses nothing, and is warned of; a builder of their own is refused", () => {
  const parse = (functions: unknown) => parseConfig("vercel.json", JSON.stringify({ functions }));
  const tuned = { "api/*.ts": { maxDuration: 30, memory: 1_024, includeFiles: "data/**" } };
  expect(parse(tuned).warnings).toEqual([expect.stringMatching(/^`functions` of vercel\.json is not used/)]);
  for (const functions of [{ "api/*.php": { runtime: "vercel-php@0.7" } }, [], { "api/a.ts": 1 }])
    expect(() => parse(functions)).toThrow("vercel.json sets functions.");
});
