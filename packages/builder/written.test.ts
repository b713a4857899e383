import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { Written } from "./written.ts";

let root: string;
let written: Written;
const at = (path: string) => join(root, path);
let saves = 0;
/** Another size each time: two saves may come in one tick of the clock. */
const save = (path: string) => writeFileSync(at(path), "x".repeat(++saves));
const run = (work: () => void) => written.watch([at("dist"), at("public")], async () => work());

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cloudify-written-"));
  written = new Written();
  mkdirSync(at("public"));
  save("public/index.html");
});

test("what a build has written is its doing until somebody saves it; what lies beside it never is", async () => {
  await run(() => save("public/app.js"));
  expect([written.hasFilled(at("public")), written.hasFilled(at("dist"))]).toEqual([true, false]);
  expect(written.has(at("public/app.js"))).toBe(true);
  save("public/index.html");
  expect(written.has(at("public/index.html"))).toBe(false);
  save("public/app.js");
  expect(written.has(at("public/app.js"))).toBe(false);
  save("public/more.html");
  expect(written.has(at("public/more.html"))).toBe(false);
  expect(written.has(at("source.txt"))).toBe(false);
});

test("folders and files that a build takes away and makes anew are its doing", async () => {
  for (const name of ["one", "two"]) {
    await run(() => {
      rmSync(at("dist"), { recursive: true, force: true });
      mkdirSync(at("dist/assets"), { recursive: true });
      save(`dist/assets/${name}.js`);
    });
    for (const path of ["dist", "dist/assets", "dist/assets/one.js", "dist/assets/two.js"])
      expect(written.has(at(path)), path).toBe(true);
  }
  rmSync(at("dist"), { recursive: true });
  expect(written.has(at("dist/assets/two.js"))).toBe(false);
});

test("a copy that keeps the time of its source is what a build has written", async () => {
  const copy = () => {
    writeFileSync(at("public/copy.html"), readFileSync(at("public/index.html")));
    utimesSync(at("public/copy.html"), 1, 1);
  };
  copy();
  await run(copy);
  expect(written.has(at("public/copy.html"))).toBe(true);
});

test("a file that was saved while a build ran is not taken for the build's", async () => {
  await run(() => mkdirSync(at("dist")));
  await run(() => save("public/index.html"));
  expect(written.has(at("public/index.html"))).toBe(false);
  await run(() => undefined);
  expect(written.has(at("public/index.html"))).toBe(true);
});

test("a file that a build begins to write makes one run more, and not one after the other", async () => {
  await run(() => undefined);
  const found: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    await run(() => save("public/index.html"));
    found.push(written.has(at("public/index.html")));
  }
  expect(found).toEqual([false, true, true]);
});

test("what a build writes that fails the first time is its doing, too", async () => {
  const failed = run(() => {
    save("public/app.js");
    throw new Error("no build");
  });
  await expect(failed).rejects.toThrow("no build");
  expect(written.has(at("public/app.js"))).toBe(true);
});
