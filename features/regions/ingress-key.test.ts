import fc from "fast-check";
import { expect, test } from "vitest";
import { follow, HANDOVER_MS, handOver, type IngressKeys, keyOfEdge } from "./ingress-key.ts";

test("the edge proves itself with no key that an agent was not told at least the handover before", () => {
  const steps = fc.array(
    fc.record({ isRenewal: fc.boolean(), ms: fc.integer({ min: 0, max: HANDOVER_MS }) }),
  );
  fc.assert(
    fc.property(steps, (history) => {
      let held: IngressKeys = { ingressKey: "0" };
      let now = 0;
      const toldAt = new Map([["0", Number.NEGATIVE_INFINITY]]);
      for (const [i, { isRenewal, ms }] of history.entries()) {
        now += ms;
        if (isRenewal) held = follow(held, String(i + 1));
        else {
          held = handOver(held, now);
          if (!toldAt.has(held.ingressKey)) toldAt.set(held.ingressKey, now);
        }
        const at = toldAt.get(keyOfEdge(held));
        if (at === undefined) throw new Error("an agent was told of the edge's key");
        // The ingress takes a former key for longer than that, and it is told of no other before.
        if (keyOfEdge(held) === held.ingressKey) expect(now - at).toBeGreaterThanOrEqual(HANDOVER_MS);
      }
      for (let i = 1; i <= 3; i++) held = handOver(held, now + i * HANDOVER_MS);
      expect(keyOfEdge(held)).toBe(held.ingressKey);
    }),
  );
});
