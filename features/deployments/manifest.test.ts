import fc from "fast-check";
import { expect, test } from "vitest";
import { checkManifest, checkSource, faultOf } from "./manifest.ts";

const file = (path: string, size = 1) => ({ path, sha256: "a".repeat(64), size });
const check = (...paths: string[]) =>
  checkManifest([file("config.json"), ...paths.map((path) => file(path))], 1_000);

test.each([
  ["/etc/passwd", "absolute"],
  ["static/../../x", "leads out"],
  ["static/./x", "leads out"],
  ["static//x", "empty"],
  ["static/", "empty"],
  ["static\\x", "backslash"],
  ["static/a\u0000b", "control"],
  ["static/a\nb", "control"],
  ["static/\ud800", "Unicode"],
  [`static/${"a".repeat(256)}`, "longer"],
  [`${"a/".repeat(520)}b`, "longer"],
])("%j is refused, in an output and in a source", (path, why) => {
  expect(() => check(path)).toThrow(why);
  expect(() => checkSource([file(path)], 1_000)).toThrow(why);
});

test.each(["static/_cloudify/image", "static/.well-known/cloudify/x"])(
  "%s is the platform's own address, and any repository's file",
  (path) => {
    expect(() => check(path)).toThrow("kept");
    expect(checkSource([file(path)], 1_000)).toBeUndefined();
  },
);

test.each([
  ["functions/a.func/x", "/etc/passwd", "leads out"],
  ["functions/a.func/x", "../b.func/y", "leads out"],
  ["functions/a.func/x", "../a.func/y", "leads out"],
  ["functions/a.func/n/x", "../../y", "leads out"],
  ["functions/a.func/x", "y/../..", "leads out"],
  ["functions/a.func/x", ".", "leads out"],
  ["functions/a.func/x", "a/b/c/l/../../y", "leads out"],
  ["functions/a.func/n/x", "..", "leads out"],
  ["static/x", "y", "no function's folder"],
  ["functions/x", "y", "no function's folder"],
  ["functions/a.func", "../static", "leads out"],
])("a link at %s to %s is refused", (path, link, why) => {
  expect(() => checkManifest([file("config.json"), { ...file(path), link }], 1_000)).toThrow(why);
});

test("a link that stays in its folder is taken", () => {
  const at = "functions/a.func/node_modules/x";
  expect(
    checkManifest([file("config.json"), { ...file(at), link: "../.pnpm/x@1/node_modules/x" }], 1_000),
  ).toBeUndefined();
  const linked = { ...file("functions/blog/about.func"), link: "../index.func" };
  expect(checkManifest([file("config.json"), linked], 1_000)).toBeUndefined();
  expect(checkSource([{ ...file("a/b"), link: "./../c" }], 1_000)).toBeUndefined();
  expect(() => checkSource([{ ...file("a/b"), link: "../../c" }], 1_000)).toThrow("leads out");
});

test.each([
  [["static/a", "static/a"], "twice"],
  [["static/README", "static/readme"], "case"],
  [["static/caf\u00e9", "static/cafe\u0301"], "Unicode"],
  [["static/a", "static/a/b"], "directory"],
  [["static/A/b", "static/a"], "directory"],
])("%j can't stand together", (paths, why) => expect(() => check(...paths)).toThrow(why));

test("without config.json, or with too much, it is refused", () => {
  expect(() => checkManifest([file("index.html")], 10)).toThrow("config.json");
  expect(() => checkManifest([file("config.json", 11)], 10)).toThrow("11 bytes");
});

test("an accepted path stays in its folder", () => {
  const segment = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("..", ".", "", "a", "b"));
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const path = segments.join("/");
      if (faultOf(path) !== null) return;
      const url = new URL(path.split("/").map(encodeURIComponent).join("/"), "http://x.test/root/");
      expect(decodeURIComponent(url.pathname)).toBe(`/root/${path}`);
    }),
    { numRuns: 10_000 },
  );
});

test("no file is a folder of another, however deep: as a slow and plain check would say", () => {
  const path = fc.array(fc.constantFrom("a", "A", "b", "a-", "a!"), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.uniqueArray(
        path.map((parts) => `static/${parts.join("/")}`),
        { maxLength: 8 },
      ),
      (paths) => {
        const folded = paths.map((one) => one.toLowerCase());
        const isTwice = new Set(folded).size < folded.length;
        const isFolder = folded.some((one) => folded.some((other) => other.startsWith(`${one}/`)));
        const run = () => check(...paths);
        if (isTwice || isFolder) expect(run).toThrow();
        else expect(run).not.toThrow();
      },
    ),
    { numRuns: 10_000 },
  );
});
