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
