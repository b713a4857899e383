import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketOf, isInCanary } from "./bucket.ts";

const release = { deployment: "dpl_2", site: "s", createdAt: 1 };

test("who is in a canary stays in it as it grows", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 1, max: 99 }),
      (visitor, salt, a, b) => {
        const [small, large] = a < b ? [a, b] : [b, a];
        const isIn = (percent: number) => isInCanary({ release, percent, salt }, visitor);
        expect(!isIn(small) || isIn(large)).toBe(true);
        const bucket = bucketOf(visitor, salt);
        expect(bucket >= 0 && bucket < 1).toBe(true);
      },
    ),
  );
});

test("shares are as large as they say, and differ between canaries", () => {
  const visitors = Array.from({ length: 20_000 }, (_, n) => `visitor-${n}`);
  for (const percent of [1, 10, 50, 90]) {
    const found = visitors.filter((one) => isInCanary({ release, percent, salt: "dpl_2.7" }, one)).length;
    expect(Math.abs(found / visitors.length - percent / 100)).toBeLessThan(0.012);
  }
  const both = visitors.filter((one) => bucketOf(one, "a") < 0.5 && bucketOf(one, "b") < 0.5).length;
  expect(Math.abs(both / visitors.length - 0.25)).toBeLessThan(0.02);
});
