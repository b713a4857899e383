import fc from "fast-check";
import { expect, test } from "vitest";
import { HOUR } from "#core/time.ts";
import { type Refusals, refuse } from "./refusals.ts";

test("a holder that comes again and again is told of once an hour, with how often it came", () => {
  let held: Refusals = {};
  const told = [];
  for (let now = 0; now <= 2 * HOUR; now += HOUR / 4) {
    const next = refuse(held, "host", now);
    held = next.refusals;
    if (next.told) told.push(next.told.count);
  }
  expect(told).toEqual([1, 4, 4]);
});

test("whatever names they come by, an hour has few entries, and little is kept", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { maxLength: 200 }), (holders) => {
      let held: Refusals = {};
      let entries = 0;
      for (const [now, holder] of holders.entries()) {
        const next = refuse(held, holder, now);
        held = next.refusals;
        if (next.told) entries += 1;
      }
      expect(entries).toBeLessThanOrEqual(17);
      expect(Object.keys(held).length).toBeLessThanOrEqual(17);
    }),
  );
});
