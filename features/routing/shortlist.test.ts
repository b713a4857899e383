import fc from "fast-check";
import { expect, test } from "vitest";
import { beginsLike, shortlist } from "./shortlist.ts";
import type { CompiledRoute } from "./table.ts";

const piece = fc.constantFrom("", "/", "/a", "/A", "/ab", "/a/b", "/old-1/", "/old-12/", "/%C3%84");
const path = fc.array(piece, { maxLength: 4 }).map((all) => all.join(""));
const route = fc.record({ start: path, caseSensitive: fc.boolean() }).map(
  ({ start, caseSensitive }): CompiledRoute => ({
    pattern: {
      source: "^",
      engine: "native",
      caseSensitive,
      prefix: caseSensitive ? start : start.toLowerCase(),
    },
  }),
);

test("the list holds, in order, what a walk over all routes would not pass over", () => {
  fc.assert(
    fc.property(fc.array(route, { maxLength: 60 }), path, (routes, asked) => {
      const walked = routes.flatMap((one, place) => (beginsLike(one, asked) ? [place] : []));
      const listed = shortlist(routes, asked).filter((place) => {
        const one = routes[place];
        return one !== undefined && beginsLike(one, asked);
      });
      expect(listed).toEqual(walked);
    }),
    { numRuns: 2_000 },
  );
});

test("of thousands of routes a few are looked at", () => {
  const routes = Array.from(
    { length: 2_000 },
    (_, i): CompiledRoute => ({
      pattern: { source: `^/old-${i}/`, engine: "native", caseSensitive: false, prefix: `/old-${i}/` },
    }),
  );
  expect(shortlist(routes, "/OLD-1999/x")).toEqual([1_999]);
  expect(shortlist(routes, "/index.html")).toEqual([]);
});
