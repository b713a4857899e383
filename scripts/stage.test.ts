import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stageOf } from "./stage-rules.ts";

const toml = readFileSync(new URL("../wrangler.toml", import.meta.url), "utf8");
const ids = { "cloudify-db": "1111-db", "cloudify-snapshots": "2222-kv" };

test("a stage has names and ids of its own, and taking them away gives back the file", () => {
  const staged = stageOf(toml, "staging", ids);
  expect(staged).toContain('script_name = "cloudify-objects-staging"');
  expect(staged).toContain('database_id = "1111-db"');
  const back = staged
    .replaceAll('-staging"', '"')
    .replaceAll('"1111-db"', '"cloudify-db"')
    .replaceAll('"2222-kv"', '"cloudify-snapshots"');
  expect(back).toBe(toml);
});

test("nothing of another stage is left in it", () => {
  const names = [...stageOf(toml, "staging", ids).matchAll(/= "(cloudify-[a-z-]+)"/g)].map(
    (found) => found[1],
  );
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) expect(name).toMatch(/-staging$/);
});

test("a missing id and a bad name are said", () => {
  expect(() => stageOf(toml, "staging", {})).toThrow("cloudify-db");
  expect(() => stageOf(toml, "Bad Name", ids)).toThrow("no name");
});
