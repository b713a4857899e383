import { expect, test } from "vitest";
import { accepts, follow, noKeys, OVERLAP_MS } from "./accepted-keys.ts";

test("before the region's key is known, nobody is let in", () => {
  for (const given of ["", "null", "key", undefined, ["key"]]) expect(accepts(noKeys, given, 0)).toBe(false);
});

test("a key is taken beside the one that follows it for a while, and never again", () => {
  const first = follow(noKeys, "one", 0);
  const second = follow(first, "two", 1_000);
  const takes = (now: number) => ["one", "two", "else"].map((key) => accepts(second, key, now));
  expect(takes(1_000)).toEqual([true, true, false]);
  expect(takes(1_000 + OVERLAP_MS - 1)).toEqual([true, true, false]);
  expect(takes(1_000 + OVERLAP_MS)).toEqual([false, true, false]);
  // Told again, it lasts no longer; and a third ends the first at once.
  expect(follow(second, "two", OVERLAP_MS)).toBe(second);
  const third = follow(second, "three", 2_000);
  expect(["one", "two", "three"].map((key) => accepts(third, key, 2_000))).toEqual([false, true, true]);
});
