import fc from "fast-check";
import { expect, test } from "vitest";
import { HOUR, MINUTE } from "#core/time.ts";
import { type Circuits, ended, forgive, noCircuits, type Place, place } from "./circuit.ts";

const CODES = ["p/a", "q/b", "r/c", "s/d"];
const code = fc.constantFrom(...CODES);

const end = fc.record({
  where: fc.constantFrom<Place>("main", "quarantine"),
  suspects: fc.uniqueArray(code),
  culprits: fc.uniqueArray(code),
  wait: fc.nat(2 * HOUR),
});

test("no history closes to anybody who was never a suspect, or for longer than an hour", () => {
  fc.assert(
    fc.property(fc.array(end, { maxLength: 20 }), (ends) => {
      let circuits: Circuits = noCircuits;
      let now = 0;
      const suspected = new Set<string>();
      for (const { where, suspects, culprits, wait } of ends) {
        circuits = forgive(ended(circuits, where, suspects, new Set(culprits), now), now);
        for (const one of suspects) {
          suspected.add(one);
          const isProved = where === "quarantine" && culprits.includes(one);
          expect(place(circuits, one, now).to).toBe(isProved ? "nowhere" : "quarantine");
          expect(place(circuits, one, now + HOUR).to).toBe(isProved ? "quarantine" : "main");
        }
        for (const one of CODES) {
          if (!suspected.has(one)) expect(place(circuits, one, now)).toEqual({ to: "main" });
        }
        now += wait;
      }
    }),
    { numRuns: 2_000 },
  );
});

test("each end that it may have caused doubles the time, and an hour of good conduct forgets it", () => {
  const untilOf = (circuits: Circuits) => {
    const placed = place(circuits, "p/a", 0);
    return placed.to === "nowhere" ? placed.retryAt : null;
  };
  const guilty = new Set(["p/a"]);
  const first = ended(noCircuits, "main", ["p/a"], guilty, 0);
  const second = ended(first, "quarantine", ["p/a"], guilty, 0);
  expect(untilOf(second)).toBe(2 * MINUTE);
  expect(untilOf(ended(second, "quarantine", ["p/a"], guilty, 0))).toBe(4 * MINUTE);
  expect(place(forgive(second, 2 * MINUTE + HOUR), "p/a", 2 * MINUTE + HOUR)).toEqual({ to: "main" });
});

test("a project of which three were proved guilty is not trusted with a fourth, for an hour; others are", () => {
  const proved = (circuits: Circuits, code: string) =>
    ended(circuits, "quarantine", [code], new Set([code]), 0);
  const twice = ["p/a", "p/b", "p/a"].reduce(proved, noCircuits);
  expect(place(twice, "p/c", 0)).toEqual({ to: "main" });
  const thrice = proved(twice, "p/c");
  expect(place(thrice, "p/d", 0)).toEqual({ to: "quarantine" });
  expect(place(thrice, "p/d", HOUR)).toEqual({ to: "main" });
  expect(place(thrice, "q/d", 0)).toEqual({ to: "main" });
});
