import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readEnvironment } from "./environment.ts";

const read = (files: Record<string, string>) => {
  const root = mkdtempSync(join(tmpdir(), "cloudify-env-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return readEnvironment(root);
};

test("the later file goes before the earlier, and none need be there", async () => {
  expect(await read({})).toEqual({ env: {}, note: "" });
  const files = { ".env": "A=1\nB=1", ".env.local": "B=2" };
  expect(await read(files)).toEqual({ env: { A: "1", B: "2" }, note: "" });
});

test("a mark at the beginning of a file is no part of a name", async () => {
  expect(await read({ ".env": "\uFEFFA=1\nB=2" })).toEqual({ env: { A: "1", B: "2" }, note: "" });
});

test("a name that the platform does not take is left out, and named with its file", async () => {
  const { env, note } = await read({ ".env": "app.name=x\nA=1\nmy-key=y", ".env.local": "2ND=z" });
  expect(env).toEqual({ A: "1" });
  expect(note).toContain('"app.name", "my-key" in .env; "2ND" in .env.local');
});
