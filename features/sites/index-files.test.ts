import fc from "fast-check";
import { expect, test } from "vitest";
import { indexFiles } from "./index-files.ts";

const file = (path: string) => ({ path, sha256: "a".repeat(64), size: 1 });
const index = (paths: string[], overrides: Record<string, { path?: string; contentType?: string }> = {}) =>
  indexFiles(paths.map(file), new Map(Object.entries(overrides)));

test("every file of static/ is served once, at its own name, and nothing else is", () => {
  const name = fc.stringMatching(/^[a-z]{1,3}(?:\/[a-z]{1,3}){0,2}\.[a-z]{1,4}$/);
  const tree = fc.uniqueArray(fc.tuple(fc.constantFrom("static/", "functions/", ""), name), {
    selector: ([folder, path]) => folder + path,
  });
  fc.assert(
    fc.property(tree, (paths) => {
      const indexed = index(paths.map(([folder, path]) => folder + path));
      if (!indexed.ok) throw new Error(indexed.failure.detail);
      const wanted = paths.filter(([folder]) => folder === "static/").map(([, path]) => path);
      expect([...indexed.index.keys()].sort()).toEqual(wanted.sort());
    }),
  );
});

test("an override moves a file and names its type; its old name is not served", () => {
  const indexed = index(["static/about.html", "static/blog.html", "static/index.html"], {
    "about.html": { path: "/about/", contentType: "text/html" },
    "blog.html": { path: "blog" },
    "index.html": { path: "" },
  });
  if (!indexed.ok) throw new Error(indexed.failure.detail);
  expect([...indexed.index].map(([path, { type }]) => [path, type])).toEqual([
    ["about", "text/html"],
    ["blog", "text/html; charset=utf-8"],
    ["index", "text/html; charset=utf-8"],
  ]);
});

test("an override of a file that is not there is only said", () => {
  expect(index(["static/a"], { b: { path: "c" } })).toMatchObject({
    ok: true,
    warnings: [expect.stringContaining("static/b")],
  });
});

test.each([["../a"], ["a/../../b"], ["_cloudify/x"], ["a\\b"], ["a\u0000"]])(
  "%j is no place to move to",
  (path) => {
    expect(index(["static/a"], { a: { path } })).toMatchObject({
      ok: false,
      failure: { code: "invalid_output" },
    });
  },
);
