import { expect, test } from "vitest";
import { longestOf } from "./durations.ts";

test.each([
  [1, 300_000],
  [300, 300_000],
  [301, 301_000],
  [900, 900_000],
])("a function with a maxDuration of %i s is waited for %i ms at most", (maxDuration, ms) => {
  expect(longestOf(maxDuration)).toBe(ms);
});
