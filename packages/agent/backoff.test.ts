import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, MAX_BACKOFF_MS, MIN_BACKOFF_MS } from "./backoff.ts";

const failures = fc.integer({ min: 1, max: 2_000 });
const chance = fc.double({ min: 0, max: 1, noNaN: true });

test("no wait is longer than a minute, and the ceiling never falls", () => {
  fc.assert(
    fc.property(failures, chance, (count, share) => {
      expect(backoffMs(count, share)).toBeGreaterThanOrEqual(0);
      expect(backoffMs(count, share)).toBeLessThanOrEqual(MAX_BACKOFF_MS);
      expect(backoffMs(count + 1, 1)).toBeGreaterThanOrEqual(backoffMs(count, 1));
    }),
  );
  expect(backoffMs(1, 1)).toBe(MIN_BACKOFF_MS);
});

test("what the other side asked for is kept, and never undercut", () => {
  const asked = fc.integer({ min: 0, max: 3_600_000 });
  fc.assert(
    fc.property(failures, chance, asked, (count, share, retryAfterMs) => {
      expect(backoffMs(count, share, retryAfterMs)).toBeGreaterThanOrEqual(retryAfterMs);
    }),
  );
});
