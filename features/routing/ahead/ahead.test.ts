import fc from "fast-check";
import { expect, test } from "vitest";
import { classify } from "../classify.ts";
import { match } from "../pattern.ts";
import { parse } from "./parse.ts";

const atom = fc.constantFrom("a", "b", "/", "\\.", ".", "[^/]", "\\w", "[a-c]", "$", "^", "\\b", "x");
const quantifier = fc.constantFrom("", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{1,}");
const { expression } = fc.letrec<{ expression: string; piece: string }>((tie) => ({
  expression: fc
    .array(
      fc.array(tie("piece"), { maxLength: 4 }).map((pieces) => pieces.join("")),
      { minLength: 1, maxLength: 2 },
    )
    .map((ways) => ways.join("|")),
  piece: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    {
      weight: 4,
      arbitrary: fc
        .tuple(atom, quantifier)
        .map(([one, times]) => (/^(?:[$^]|\\b)$/.test(one) ? one : one + times)),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie("expression"), fc.constantFrom("(", "(?:"), quantifier)
        .map(([one, open, times]) => `${open}${one})${times}`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(tie("expression"), fc.constantFrom("(?=", "(?!"))
        .map(([one, open]) => `${open}${one})`),
    },
  ),
}));
const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "/", ".", "x", "A", "-"), maxLength: 10 });

test("what it reads, it matches as JavaScript does, groups and all", () => {
  let read = 0;
  fc.assert(
    fc.property(expression, text, fc.boolean(), (source, input, caseSensitive) => {
      if (!parse(source)) return;
      read++;
      const pattern = { source, caseSensitive, prefix: "" };
      const native = match({ ...pattern, engine: "native" }, input);
      expect(match({ ...pattern, engine: "ahead" }, input)).toEqual(native);
    }),
    { numRuns: 10_000 },
  );
  expect(read).toBeGreaterThan(2_000);
});

/** Of Next.js's own builder, for matchers that most apps with a middleware have. */
const MATCHERS = [
  "^(?:\\/(_next\\/data\\/[^/]{1,}))?(?:\\/((?!api|_next\\/static|_next\\/image|favicon.ico).*))(\\.json|\\.rsc|\\.segments\\/.+\\.segment\\.rsc)?[\\/#\\?]?$",
  "^(?:\\/(_next\\/data\\/[^/]{1,}))?(?:\\/((?!_next\\/static|.*\\.(?:svg|png|jpg|jpeg|gif|webp)$).*))(\\.json|\\.rsc|\\.segments\\/.+\\.segment\\.rsc)?[\\/#\\?]?$",
  "^/((?!.+\\.rsc).+?)(?:/)?$",
  "^(?!/_next)/go(?:/((?:[^/]+?)(?:/(?:[^/]+?))*))?(?:/)?$",
];

test.each(MATCHERS)("%s is accepted, and takes no long time on any path", (source) => {
  const verdict = classify(source, false, { analyses: 0 });
  if (!verdict.ok) throw new Error(verdict.detail);
  for (const path of ["/", "/about", "/api/x", "/_next/static/a.js", "/go/a/b", "/a.rsc", "/x.png", "/go/"]) {
    const native = match({ ...verdict.pattern, engine: "native" }, path);
    expect(match(verdict.pattern, path)).toEqual(native);
  }
  const startedAt = performance.now();
  match(verdict.pattern, `/${".segments/a".repeat(700)}`);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test.each(["(a)\\1", "(?<=a)b", "(?:a*)*", "(?=(a))b", "a{1,1000}"])("%s is not read", (source) => {
  expect(parse(source)).toBe(null);
});
