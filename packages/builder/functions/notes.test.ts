import { type BuildFailure, build } from "esbuild";
import { expect, test } from "vitest";
import { noted } from "./notes.ts";

async function errorOf(contents: string) {
  const stdin = { contents, sourcefile: "api/a.ts", loader: "ts" } as const;
  const failed = await build({ stdin, bundle: true, write: false, logLevel: "silent" }).catch(
    (error: BuildFailure) => error.errors,
  );
  return noted(Array.isArray(failed) && failed[0] ? failed[0] : { text: "", notes: [] });
}

test("another place that an error has to do with is named, and is no way to mend it", async () => {
  expect(await errorOf("const a = 1;\n\na = 2;")).toEqual({
    text: 'Cannot assign to "a" because it is a constant\n  The symbol "a" was declared a constant here: api/a.ts:1',
    fix: null,
  });
});

test("a package that is not there is to be installed, and not left out", async () => {
  const { text, fix } = await errorOf('import "left-pad-of-nobody";');
  expect([text, fix]).toEqual([
    'Could not resolve "left-pad-of-nobody"',
    expect.stringMatching(/^Install the package/),
  ]);
});

test("a name that is only known at run time is to be written out", async () => {
  expect((await errorOf("const load = (name: string) => import('./pages/' + name);")).fix).toMatch(
    /^Import each/,
  );
});
