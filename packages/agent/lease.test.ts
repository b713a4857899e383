import { FENCE_MARGIN_MS, LEASE_TTL_MS } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { granted, isSkewed, mayMutate, renewAfter, skewOf } from "./lease.ts";

test("an agent is fenced before its lease can be another's, whatever the way of call and answer took", () => {
  const time = fc.integer({ min: 0, max: 1e9 });
  const delay = fc.integer({ min: 0, max: 60_000 });
  fc.assert(
    fc.property(time, delay, delay, (sentAt, there, asks) => {
      const held = granted(1, sentAt, LEASE_TTL_MS);
      // The other side began to count when it heard the request; from then on the lease lasts a TTL.
      const lapsesAt = sentAt + there + LEASE_TTL_MS;
      const askedAt = sentAt + asks;
      if (mayMutate(held, askedAt)) expect(askedAt).toBeLessThan(lapsesAt - FENCE_MARGIN_MS + 1);
    }),
  );
  expect(mayMutate(null, 0)).toBe(false);
});

test("an agent that was away for longer than its lease changes nothing when it is back", () => {
  const held = granted(3, 1_000, LEASE_TTL_MS);
  expect(mayMutate(held, 1_000 + LEASE_TTL_MS - FENCE_MARGIN_MS - 1)).toBe(true);
  expect(mayMutate(held, 1_000 + LEASE_TTL_MS - FENCE_MARGIN_MS)).toBe(false);
});

test("a lease is renewed several times before it could lapse", () => {
  const chance = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(chance, (share) => {
      expect(renewAfter(5_000, share)).toBeLessThanOrEqual(5_000);
      expect(renewAfter(5_000, share)).toBeGreaterThanOrEqual(1_000);
    }),
  );
});

test("skew is told apart from the way of call and answer", () => {
  expect(skewOf(10_000, 10_200, 10_100)).toBe(0);
  expect(isSkewed(skewOf(10_000, 10_200, 7_000))).toBe(true);
});
