import fc from "fast-check";
import { expect, test } from "vitest";
import {
  acquitted,
  culpritOf,
  type Doubt,
  doubt,
  doubted,
  type Presence,
  REASONS,
  suspectsOf,
} from "./suspects.ts";

const NOW = 10_000;
const code = fc.constantFrom("a", "b", "c", "d");
const presence: fc.Arbitrary<Presence> = fc
  .record({ code, since: fc.nat(NOW), took: fc.nat(5_000), isUnderWay: fc.boolean() })
  .map(({ code, since, took, isUnderWay }) => ({
    code,
    since,
    leftAt: isUnderWay || since + took > NOW ? null : since + took,
  }));
const presences = fc.array(presence, { maxLength: 6 });
const why = fc.constantFrom(...REASONS);
const at = (code: string, since: number, leftAt: number | null = null) => ({ code, since, leftAt });

test("whoever was not there, or left more than two seconds before, is never suspected", () => {
  fc.assert(
    fc.property(presences, why, (all, why) => {
      for (const one of suspectsOf(all, why, NOW)) {
        const own = all.filter(({ code }) => code === one);
        expect(own.some(({ leftAt }) => leftAt === null || NOW - leftAt <= 2_000)).toBe(true);
      }
    }),
  );
});

test("a process that was to be replaced blames nobody", () => {
  fc.assert(
    fc.property(presences, fc.constantFrom("retired" as const, "start" as const), (all, why) => {
      expect(suspectsOf(all, why, NOW)).toEqual(new Set());
    }),
  );
});

test("after any other end somebody who was there is suspected", () => {
  fc.assert(
    fc.property(
      presences,
      fc.constantFrom("silence" as const, "memory" as const, "itself" as const),
      (all, why) => {
        const wasThere = all.some(({ leftAt }) => leftAt === null);
        if (wasThere) expect(suspectsOf(all, why, NOW).size).toBeGreaterThan(0);
      },
    ),
  );
});

test("what was silent was held by one who was there for long; who came later only stood behind", () => {
  const all = [at("spins", NOW - 1_800), at("late", NOW - 300), at("gone", NOW - 1_900, NOW - 1_850)];
  expect(suspectsOf(all, "silence", NOW)).toEqual(new Set(["spins"]));
  // Its connection broke a moment before.
  const broken = [at("streams", NOW - 1_800, NOW - 10), at("late", NOW - 300)];
  expect(suspectsOf(broken, "silence", NOW)).toEqual(new Set(["streams"]));
});

test("whoever took the memory may have answered since", () => {
  const all = [
    at("takes", NOW - 1_500, NOW - 400),
    at("neighbour", NOW - 5),
    at("gone", NOW - 9_000, NOW - 5_000),
  ];
  expect(suspectsOf(all, "memory", NOW)).toEqual(new Set(["takes", "neighbour"]));
});

test("proved is only who was alone in the process from its start to its end", () => {
  fc.assert(
    fc.property(presences, (all) => {
      const codes = new Set(all.map((one) => one.code));
      expect(culpritOf(all)).toBe(codes.size === 1 ? [...codes][0] : null);
    }),
  );
});

test("what a function asks of its own project excuses it from nothing; what it asks of others', proves nothing", () => {
  const nested = (code: string) => ({ ...at(code, 0), isNested: true });
  expect(culpritOf([at("p/spins", 0), nested("p/other")])).toBe("p/spins");
  expect(culpritOf([at("p/spins", 0), nested("q/other")])).toBe(null);
  expect(culpritOf([nested("p/other")])).toBe(null);
});

const NOBODY: ReadonlySet<string> = new Set();

test("one that holds the thread behind its answers is doubted from the second end on, in whatever company", () => {
  const company = fc.array(presences, { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(company, fc.nat(30_000), fc.boolean(), (ends, behind, isOpenEnded) => {
      let held: Doubt | null = null;
      for (const [i, others] of ends.entries()) {
        const hidden = { ...at("hidden", 0, isOpenEnded ? 0 : NOW - behind), isOpenEnded };
        held = doubt(held, [...others, hidden], NOBODY, NOW + i);
        expect(doubted(held).includes("hidden")).toBe(i > 0);
      }
    }),
  );
});

test("nobody is doubted after one end, nor who was not there at the last two, nor more than eight at once", () => {
  fc.assert(
    fc.property(fc.array(presences, { minLength: 1, maxLength: 6 }), (ends) => {
      let held: Doubt | null = null;
      for (const [i, all] of ends.entries()) {
        held = doubt(held, all, NOBODY, NOW + i);
        const lastTwo = [all, ends[i - 1] ?? []];
        for (const one of doubted(held))
          expect(lastTwo.every((them) => them.some(({ code }) => code === one))).toBe(true);
      }
    }),
  );
  const many = Array.from({ length: 50 }, (_, i) => at(`f${i}`, 0));
  const once = doubt(null, many, NOBODY, NOW);
  expect(doubted(doubt(once, many, NOBODY, NOW))).toHaveLength(8);
  expect(doubted(doubt(once, many, NOBODY, NOW + 3_600_000))).toEqual([]);
});

test("nobody else is doubted while one at whom an end pointed has not run since", () => {
  const all = [at("spins", 0), at("neighbour", 0)];
  const once = doubt(null, all, new Set(["spins", "late"]), NOW);
  expect(doubted(doubt(once, all, NOBODY, NOW))).toEqual([]);
  const both = acquitted(acquitted(once, "spins"), "late");
  expect(doubted(doubt(acquitted(once, "late"), all, NOBODY, NOW))).toEqual([]);
  expect(doubted(doubt(both, all, NOBODY, NOW))).toEqual(["spins", "neighbour"]);
});
