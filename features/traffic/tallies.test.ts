import fc from "fast-check";
import { expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import { add, emptyMinute, minuteOf, SLOT_MS, servedBy, type TrafficEvent } from "./machine.ts";
import { Tallies } from "./tallies.ts";

const event: fc.Arbitrary<TrafficEvent> = fc.record({
  at: fc.nat(2 * MINUTE),
  deployment: fc.constantFrom("dpl_a", "dpl_b"),
  isProduction: fc.boolean(),
  status: fc.constantFrom(101, 200, 204, 301, 404, 499, 500, 503),
  cache: fc.constantFrom("memory", "cache", "r2", "none"),
  bytesIn: fc.nat(100),
  bytesOut: fc.nat(1_000),
  functionMs: fc.option(fc.nat(50)),
  region: fc.option(fc.constantFrom("fra", "iad")),
});

const tallied = (events: readonly TrafficEvent[]) => {
  const tallies = new Tallies();
  for (const one of events) tallies.add(one);
  return tallies.all();
};

test("what is added up says of each minute and each deployment what its requests do", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const tallies = tallied(events);
      for (const minute of [0, MINUTE, 2 * MINUTE]) {
        const own = events.filter(({ at }) => minuteOf(at) === minute);
        const rollup = tallies
          .filter(({ slot }) => minuteOf(slot) === minute)
          .reduce(add, emptyMinute(minute));
        const sum = (of: (one: TrafficEvent) => number) => own.reduce((so, one) => so + of(one), 0);
        const count = (is: (one: TrafficEvent) => boolean) => own.filter(is).length;
        expect(rollup).toMatchObject({
          requests: own.length,
          functionMs: sum(({ functionMs }) => functionMs ?? 0),
          bytesIn: sum(({ bytesIn }) => bytesIn),
          bytesOut: sum(({ bytesOut }) => bytesOut),
        });
        expect(rollup.byClass["5xx"] ?? 0).toBe(count(({ status }) => status >= 500));
        expect(rollup.byCache.memory ?? 0).toBe(count(({ cache }) => cache === "memory"));
        expect(rollup.byRegion.fra ?? 0).toBe(count(({ region }) => region === "fra"));
      }
      const served = servedBy(tallies);
      for (const one of served) {
        const own = events.filter(
          ({ at, deployment, isProduction }) =>
            isProduction && deployment === one.deployment && at - (at % SLOT_MS) === one.slot,
        );
        expect(one).toMatchObject({
          requests: own.length,
          errors: own.filter(({ status }) => status >= 500).length,
        });
      }
      const ofProduction = events.filter(({ isProduction }) => isProduction).length;
      expect(served.reduce((so, { requests }) => so + requests, 0)).toBe(ofProduction);
    }),
  );
});
