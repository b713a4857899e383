import fc from "fast-check";
import { expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import { type Count, DEFAULT_GUARD, judge, windowOf } from "./guard.ts";
import { begun } from "./rolling.ts";

const count = (requests: number, errors: number): Count => ({ requests, errors });
const verdict = (canary: Count, live: Count, guard = DEFAULT_GUARD) => judge(guard, { canary, live });

const counts = fc
  .tuple(fc.integer({ min: 0, max: 5_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([requests, share]) => count(requests, Math.floor(requests * share)));
const guards = fc.record({
  points: fc.integer({ min: 1, max: 100 }),
  requests: fc.integer({ min: 1, max: 500 }),
  minutes: fc.integer({ min: 1, max: 60 }),
});

test.each([
  ["all fail", count(50, 50), count(950, 0), "worse"],
  ["all fail, one too few", count(49, 49), count(951, 0), "few"],
  ["a tenth fails", count(200, 20), count(1_800, 9), "worse"],
  ["both fail alike: it is what stands behind them", count(200, 180), count(1_800, 1_620), "fine"],
  ["below the limit", count(1_000, 40), count(9_000, 0), "fine"],
  ["above the limit, as chance may have it", count(50, 4), count(1_000, 25), "fine"],
  ["better than what is live", count(500, 0), count(500, 100), "fine"],
  ["nobody asks for what is live", count(80, 40), count(0, 0), "worse"],
  ["nobody asks for anything", count(0, 0), count(0, 0), "few"],
] as const)("%s", (_, canary, live, expected) => {
  expect(verdict(canary, live)).toBe(expected);
});

test("nothing is worse below its limit, nor by fewer requests than it takes, nor without an error", () => {
  fc.assert(
    fc.property(counts, counts, guards, (canary, live, guard) => {
      if (verdict(canary, live, guard) !== "worse") return;
      expect(canary.requests).toBeGreaterThanOrEqual(guard.requests);
      const of = ({ requests, errors }: Count) => (requests === 0 ? 0 : errors / requests);
      expect(of(canary) * 100 - of(live) * 100).toBeGreaterThan(guard.points);
    }),
  );
});

test("more errors of the release never save it, more of what is live never condemn it", () => {
  fc.assert(
    fc.property(counts, counts, guards, fc.integer({ min: 0, max: 500 }), (canary, live, guard, more) => {
      const isWorse = (a: Count, b: Count) => verdict(a, b, guard) === "worse";
      const worse = count(canary.requests, Math.min(canary.requests, canary.errors + more));
      if (isWorse(canary, live)) expect(isWorse(worse, live)).toBe(true);
      const other = count(live.requests, Math.min(live.requests, live.errors + more));
      if (!isWorse(canary, live)) expect(isWorse(canary, other)).toBe(false);
    }),
  );
});

test("a release that is no worse is hardly ever condemned", () => {
  // Drawn from one and the same share of errors, again and again; the seed makes it the same draw each time.
  let seed = 1;
  const chance = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const draw = (requests: number, rate: number) =>
    count(requests, Array.from({ length: requests }, chance).filter((one) => one < rate).length);
  let condemned = 0;
  for (let i = 0; i < 2_000; i++) {
    const rate = [0, 0.001, 0.01, 0.05, 0.3][i % 5] ?? 0;
    if (verdict(draw(50 + (i % 100), rate), draw(1_000, rate)) === "worse") condemned++;
  }
  expect(condemned).toBeLessThan(20);
});

test("what was answered before it began does not count, nor what is older than the window", () => {
  const release = { deployment: "dpl_2", site: "s", createdAt: 2 };
  const rolling = begun({ stages: [{ percent: 10 }, { percent: 100 }], guard: DEFAULT_GUARD }, 60 * MINUTE);
  const canary = { release, percent: 10, salt: "x", rolling };
  expect(windowOf(canary, 62 * MINUTE)).toEqual({ from: 60 * MINUTE, to: 62 * MINUTE });
  expect(windowOf(canary, 90 * MINUTE)).toEqual({ from: 85 * MINUTE, to: 90 * MINUTE });
  expect(windowOf({ release, percent: 10, salt: "x" }, 90 * MINUTE).from).toBe(85 * MINUTE);
});
