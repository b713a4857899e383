import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalPath, decodePath, lookupPath, singleSlashed } from "./path.ts";

/** Characters of a path that need no escape, and what parts a query. */
const PLAIN = "abzAZ09-._~!$'()*,;:@";
const escaped = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;
/** A path, and the same with some of its characters escaped that need not be. */
const spellings = fc
  .array(
    fc.tuple(
      fc.constantFrom(...PLAIN, "/", "%2F", "%20", "%25", "%C3%A9", "&", "+", "="),
      fc.constantFrom("plain", "upper", "lower"),
    ),
    { maxLength: 30 },
  )
  .map((parts) => ({
    plain: `/${parts.map(([text]) => text).join("")}`,
    other: `/${parts
      .map(([text, how]) => {
        if (how === "plain" || !PLAIN.includes(text)) return text;
        return how === "upper" ? escaped(text) : escaped(text).toLowerCase();
      })
      .join("")}`,
  }));

test("every spelling of a path has one canonical form, which says the same and is its own", () => {
  fc.assert(
    fc.property(spellings, ({ plain, other }) => {
      expect(canonicalPath(other)).toBe(plain);
      expect(canonicalPath(plain)).toBe(plain);
      expect(decodePath(canonicalPath(other))).toBe(decodePath(other));
      // As the URL parser would have written it.
      expect(new URL(`http://x${plain}`).pathname).toBe(new URL(`http://x${canonicalPath(other)}`).pathname);
    }),
    { numRuns: 2_000 },
  );
});

test("what parts an address keeps its escape", () => {
  for (const path of ["/a%2Fb", "/a%5Cb", "/a%3Fb", "/a%23b", "/a%2561b", "/caf%C3%A9"])
    expect(canonicalPath(path)).toBe(path);
});

test("an escaped slash is part of a name where outputs are looked up", () => {
  expect(lookupPath("/admin%2Findex.html")).toBe("/admin%2Findex.html");
  expect(lookupPath("/admin%2findex.html")).toBe("/admin%2Findex.html");
  expect(lookupPath("/a%20b/caf%C3%A9")).toBe("/a b/café");
});

test("slashes in a row become one", () => {
  expect(singleSlashed("/a/b/")).toBe(null);
  expect(singleSlashed("//a///b//")).toBe("/a/b/");
});
