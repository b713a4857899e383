import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { folderOf, sweepWorkloads } from "./folders.ts";

test("of what an agent before this one has left, only what is to be here stays", async () => {
  const home = mkdtempSync(join(tmpdir(), "folders-"));
  for (const path of ["dpl1.main/a", "dpl2.main/b", "dpl3.main/c.draft"])
    mkdirSync(join(home, "workloads", path), { recursive: true });
  await sweepWorkloads(home, ["dpl1.main", "dpl4.main"]);
  expect(readdirSync(join(home, "workloads"))).toEqual(["dpl1.main"]);
  // There was nothing before the first.
  await sweepWorkloads(join(home, "never"), []);
});

test("no id leads out of the folder of workloads", () => {
  expect(folderOf("/home", "dpl1.main")).toBe("/home/workloads/dpl1.main");
  const parts = fc.array(fc.constantFrom("..", ".", "/", "a", "dpl1.main", "\0", "a.", ""), { maxLength: 6 });
  fc.assert(
    fc.property(parts, (text) => {
      const folder = folderOf("/home", text.join(""));
      expect(folder === null || /^\/home\/workloads\/[^/.]+\.[^/.]+$/.test(folder)).toBe(true);
    }),
  );
});
