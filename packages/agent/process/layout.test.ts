import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkloadFile } from "@cloudify/protocol";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { faultOf, layOut } from "./layout.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "layout-"));
  writeFileSync(join(home, "blob"), "bytes", { mode: 0o600 });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const blob: WorkloadFile = { sha256: "a".repeat(64), size: 5 };
const never = new AbortController().signal;
const lay = (files: Record<string, WorkloadFile>) =>
  layOut(join(home, "in/side"), files, async () => join(home, "blob"), never);

test.each([
  ["../out", blob],
  ["/etc/passwd", blob],
  ["a//b", blob],
  ["a/./b", blob],
  ["a/../../b", blob],
  ["", blob],
  ["a", { link: "/etc/passwd" }],
  ["a", { link: "../b" }],
  ["a/b", { link: "../../c" }],
  ["a", { link: "" }],
  ["a", { sha256: "../../../etc/passwd", size: 1 }],
] as [string, WorkloadFile][])("%j as %j is refused", (path, file) => {
  expect(faultOf({ [path]: file })).not.toBeNull();
});

test("a link that leads out only through another link is refused", () => {
  expect(faultOf({ "p/q/b": { link: "../.." }, "p/a": { link: "q/b/x" } })).toBeNull();
  expect(faultOf({ "p/q/b": { link: "../.." }, "p/a": { link: "q/b/../x" } })).not.toBeNull();
  expect(faultOf({ a: { link: "b" }, b: { link: "a" } })).not.toBeNull();
  expect(faultOf({ a: { link: "b" }, "a/x": blob })).not.toBeNull();
});

test("whatever links are let through, none resolves outside of the folder", async () => {
  const name = fc.constantFrom("a", "b", "c");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const target = fc
    .array(fc.constantFrom("a", "b", "c", "..", "."), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("/"));
  const files = fc.dictionary(
    path,
    fc.oneof(
      fc.constant(blob),
      target.map((link) => ({ link })),
    ),
  );
  await fc.assert(
    fc.asyncProperty(files, async (all) => {
      if (faultOf(all) !== null) return;
      await lay(all);
      const root = realpathSync(join(home, "in/side"));
      for (const one of Object.keys(all)) {
        try {
          expect(realpathSync(join(root, one)).startsWith(root)).toBe(true);
        } catch (error) {
          // It leads to nothing, or in a circle that the kernel gives up.
          expect((error as NodeJS.ErrnoException).code).toMatch(/ENOENT|ELOOP|ENOTDIR/);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test("what a function writes to its file changes no other's", async () => {
  await lay({ "bin/run": { ...blob, isExecutable: true }, plain: blob });
  const root = join(home, "in/side");
  expect(statSync(join(root, "bin/run")).mode & 0o777).toBe(0o755);
  expect(statSync(join(root, "plain")).mode & 0o777).toBe(0o644);
  writeFileSync(join(root, "plain"), "changed");
  expect(readFileSync(join(home, "blob"), "utf8")).toBe("bytes");
});

test("laying out again replaces what is there", async () => {
  mkdirSync(join(home, "in/side/left"), { recursive: true });
  await lay({ plain: blob });
  expect(() => statSync(join(home, "in/side/left"))).toThrow();
});
