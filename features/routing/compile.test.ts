import fc from "fast-check";
import { expect, test } from "vitest";
import { classify, prefixOf } from "./classify.ts";
import { compileRoutes, MAX_ROUTES } from "./compile.ts";
import { checkPath, MAX_PATH } from "./path.ts";
import { match } from "./pattern.ts";

const issues = (routes: unknown) => {
  const compiled = compileRoutes({ routes });
  return compiled.ok ? [] : compiled.issues;
};

test.each([
  ["not a list", { a: 1 }, "routes"],
  ["an unknown phase", [{ handle: "never" }], "routes[0].handle"],
  ["an unknown key", [{ src: "/", colour: "red" }], "routes[0]"],
  ["a source that does not compile", [{ src: "/" }, { src: "(" }], "routes[1].src"],
  ["a header that is none", [{ src: "/", headers: { "a b": "x" } }], "routes[0].headers.a b"],
  ["a header that splits", [{ src: "/", headers: { a: "x\r\nb: c" } }], "routes[0].headers.a"],
  ["a status out of range", [{ src: "/", status: 700 }], "routes[0].status"],
  ["a catastrophic pattern with look-behind", [{ src: "^/(?<=/)(a+)+$" }], "routes[0].src"],
  [
    "a catastrophic condition",
    [{ src: "/", has: [{ type: "host", value: "(?<!b)(a+)+c" }] }],
    "routes[0].has[0].value",
  ],
  ["too many routes", Array.from({ length: MAX_ROUTES + 1 }, () => ({ src: "/" })), "routes"],
])("%s is refused, with its place and a fix", (_, routes, path) => {
  const [first] = issues(routes);
  expect(first?.path).toBe(path);
  expect(first?.fix).toBeTruthy();
});

test("a pattern as PCRE has it is one", () => {
  const compiled = compileRoutes({ routes: [{ src: "\\A/(?P<lang>de|fr)/\\\\A\\Z", dest: "/$lang" }] });
  const [route] = compiled.ok ? compiled.table.phases.main : [];
  const found = route && match(route.pattern, "/fr/\\A");
  expect(found?.named.lang).toBe("fr");
});

test("what Vercel's tools write and nothing here goes by is no reason to refuse a route", () => {
  const own = { respectOriginCacheControl: true, env: [], locale: { default: "en", path: "/", value: "en" } };
  expect(issues([{ src: "/", dest: "https://a.example", ...own }])).toEqual([]);
  expect(issues([{ src: "/", env: ["SECRET"] }])[0]?.path).toBe("routes[0].env");
});

test("what could take for ever runs in linear time", () => {
  for (const source of ["^/(a+)+$", "^/(.*)-(.*)-(.*)-(.*)$", "^(.*)*$"]) {
    const verdict = classify(source, false, { analyses: 0 });
    expect(verdict).toMatchObject({ ok: true, pattern: { engine: "linear" } });
    if (!verdict.ok) continue;
    const started = performance.now();
    match(verdict.pattern, `/${"a".repeat(4_000)}!`);
    expect(performance.now() - started).toBeLessThan(2_000);
  }
});

test("what frameworks emit runs natively", () => {
  const sources = [
    "^(?:/((?:[^/]+?)(?:/(?:[^/]+?))*))?/?$",
    "^/_next/data/([^/]+)/(.*).json$",
    "^(?!/_next/)(?:/)?(?<nxtPslug>[^/]+?)(?:/)?$",
    "^/blog/(?<slug>[^/]+?)(?:/)?$",
  ];
  for (const source of sources) {
    expect(classify(source, false, { analyses: 0 })).toMatchObject({ ok: true });
  }
});

const piece = fc.constantFrom("a", "b", "/", "\\.", "[^/]+", "(c|d)", "x?", "y*", "(?:/z)?", ".*", "-", "|");
const source = fc.array(piece, { maxLength: 8 }).map((pieces) => `^/${pieces.join("")}`);
const path = fc.string({
  unit: fc.constantFrom("a", "b", "c", "/", ".", "x", "y", "z", "-", "A"),
  maxLength: 12,
});

test("a prefix never hides a match", () => {
  fc.assert(
    fc.property(source, path, (regex, rest) => {
      const input = `/${rest}`;
      if (new RegExp(regex, "i").test(input)) {
        expect(input.toLowerCase().startsWith(prefixOf(regex, false))).toBe(true);
      }
    }),
    { numRuns: 20_000 },
  );
});

test("both engines see the same", () => {
  fc.assert(
    fc.property(source, path, (regex, rest) => {
      const pattern = { source: regex, caseSensitive: false, prefix: "" };
      const native = match({ ...pattern, engine: "native" }, `/${rest}`);
      const linear = match({ ...pattern, engine: "linear" }, `/${rest}`);
      expect(linear).toEqual(native);
    }),
    { numRuns: 3_000 },
  );
});

test("paths that can't be looked up safely are refused", () => {
  for (const bad of ["/%zz", "/%c0%ae%c0%ae/etc/passwd", "/a%00b", "/%ff"]) {
    expect(checkPath(bad)).toMatchObject({ ok: false, status: 400 });
  }
  expect(checkPath(`/${"a".repeat(MAX_PATH)}`)).toMatchObject({ ok: false, status: 414 });
  expect(checkPath("/caf%C3%A9/x%20y")).toEqual({ ok: true });
});
