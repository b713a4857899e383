import fc from "fast-check";
import { expect, test } from "vitest";
import { HOUR, MINUTE } from "#core/time.ts";
import { type Circuits, ended, forgive, noCircuits, type Place, place } from "./circuit.ts";

const idOf = (project: string, name: string, deployment = "dpl") =>
  `${project}/${deployment}/code/env/${name}`;
const CODES = [idOf("p", "a"), idOf("q", "b"), idOf("r", "c"), idOf("s", "d/e")];
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
        circuits = forgive(ended(circuits, where, new Set(suspects), new Set(culprits), now), now);
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
  const a = idOf("p", "a");
  const untilOf = (circuits: Circuits) => {
    const placed = place(circuits, a, 0);
    return placed.to === "nowhere" ? placed.retryAt : null;
  };
  const guilty = new Set([a]);
  const first = ended(noCircuits, "main", new Set([a]), guilty, 0);
  const second = ended(first, "quarantine", new Set([a]), guilty, 0);
  expect(untilOf(second)).toBe(2 * MINUTE);
  expect(untilOf(ended(second, "quarantine", new Set([a]), guilty, 0))).toBe(4 * MINUTE);
  expect(place(forgive(second, 2 * MINUTE + HOUR), a, 2 * MINUTE + HOUR)).toEqual({ to: "main" });
});

test("a project of which three functions were proved guilty is not trusted with a fourth, for an hour; others are", () => {
  const proved = (circuits: Circuits, code: string, now = 0) =>
    ended(circuits, "quarantine", new Set([code]), new Set([code]), now);
  const of = (name: string, deployment?: string) => idOf("p", name, deployment);
  // One function in several deployments is one, and what one did an hour before counts no more.
  const two = [of("a"), of("b"), of("a", "dpl_2"), of("b", "dpl_3")].reduce(
    (so, one) => proved(so, one),
    noCircuits,
  );
  expect(place(two, of("c"), 0)).toEqual({ to: "main" });
  expect(place(proved(two, of("c"), HOUR), of("d"), HOUR)).toEqual({ to: "main" });
  const three = proved(two, of("c"));
  expect(place(three, of("d"), 0)).toEqual({ to: "quarantine" });
  expect(place(three, of("d"), HOUR)).toEqual({ to: "main" });
  expect(place(three, idOf("q", "d"), 0)).toEqual({ to: "main" });
  expect(forgive(three, 3 * HOUR)).toEqual(noCircuits);
});

test("who stood beside the culprit goes home when that is proved, and has no strike for it", () => {
  const [culprit, beside, before, elsewhere] = CODES as [string, string, string, string];
  let circuits = ended(noCircuits, "main", new Set([before]), new Set(), 0);
  circuits = ended(circuits, "main", new Set([elsewhere]), new Set(), HOUR);
  circuits = ended(circuits, "main", new Set([culprit, beside, before]), new Set(), HOUR + 1);
  expect(CODES.map((one) => place(circuits, one, HOUR + 2).to)).toEqual(CODES.map(() => "quarantine"));
  circuits = ended(circuits, "quarantine", new Set([culprit]), new Set([culprit]), HOUR + 2);
  const where = (at: number) =>
    [culprit, beside, before, elsewhere].map((one) => place(circuits, one, at).to);
  expect(where(HOUR + 2)).toEqual(["nowhere", "main", "main", "quarantine"]);
  // Another's end counts as it would have: the first for one, the second for the other.
  circuits = ended(circuits, "main", new Set([beside, before]), new Set(), 2 * HOUR);
  expect(where(2 * HOUR + MINUTE).slice(1, 3)).toEqual(["main", "quarantine"]);
  expect(where(2 * HOUR + 2 * MINUTE).slice(1, 3)).toEqual(["main", "main"]);
});
