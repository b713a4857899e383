import fc from "fast-check";
import { expect, test } from "vitest";
import { afterCrash, NO_CRASHES } from "./restart.ts";

test("the first crash is repaired at once, and a loop is begun at most once a minute in the end", () => {
  const chance = fc.double({ min: 0, max: 1, noNaN: true });
  const ran = fc.integer({ min: 0, max: 59_999 });
  fc.assert(
    fc.property(fc.array(fc.tuple(ran, chance), { minLength: 1, maxLength: 40 }), (crashes) => {
      let state = NO_CRASHES;
      for (const [ranMs, share] of crashes) {
        const before = state.count;
        state = afterCrash(state, ranMs, 1_000_000, share);
        expect(state.count).toBe(before + 1);
        expect(state.notBefore - 1_000_000).toBeLessThanOrEqual(before === 0 ? 0 : 60_000);
      }
    }),
  );
});

test("one that was well for a minute begins anew", () => {
  const looping = { count: 9, notBefore: 0 };
  expect(afterCrash(looping, 60_000, 5, 1)).toEqual({ count: 1, notBefore: 5 });
});
