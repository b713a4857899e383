import fc from "fast-check";
import { expect, test } from "vitest";
import { answered, beginPlacing, type Policy, readyOf, SETTLE_MS, verdictOf } from "./placing.ts";

const after = (sets: string[][], policy: Policy, said: Record<string, string | null>) =>
  Object.entries(said).reduce(
    (so, [region, why]) => answered(so, region, why, 0),
    beginPlacing([...new Set(sets.flat())], sets, policy),
  );

test.each<[Policy, string[][], Record<string, string | null>, string]>([
  // A region that does not run a group says nothing of it.
  ["any", [["fra", "iad"], ["sin"]], { fra: null, iad: null }, "wait"],
  ["any", [["fra", "iad"], ["sin"]], { fra: null, iad: null, sin: null }, "go"],
  ["any", [["fra", "iad"], ["sin"]], { fra: null, sin: "exit 1" }, "fail"],
  ["any", [["fra", "iad"], ["iad"]], { fra: null, iad: "exit 1" }, "fail"],
  ["any", [["fra", "iad"], ["iad"]], { fra: "exit 1", iad: null }, "go"],
  ["quorum", [["fra", "iad", "sin"], ["iad"]], { fra: null, sin: null }, "wait"],
  ["quorum", [["fra", "iad", "sin"], ["iad"]], { fra: "exit 1", sin: null, iad: null }, "go"],
  ["all", [["fra"], ["iad"]], { fra: null }, "wait"],
  ["all", [["fra"], ["iad"]], { fra: null, iad: null }, "go"],
])("%s of each of %j, where %j: %s", (policy, sets, said, verdict) => {
  expect(verdictOf(after(sets, policy, said), 0, false)).toBe(verdict);
});

const region = fc.constantFrom("fra", "iad", "sin", "gru");
const histories = fc.tuple(
  fc.array(fc.uniqueArray(region, { minLength: 1 }), { minLength: 1, maxLength: 3 }),
  fc.constantFrom<Policy[]>("any", "quorum", "all"),
  fc.array(fc.tuple(region, fc.constantFrom(null, "exit 1")), { maxLength: 12 }),
);
const least = { any: () => 1, quorum: (of: number) => Math.floor(of / 2) + 1, all: (of: number) => of };

test("visitors come exactly when each group has enough of its own regions, whatever the others say", () => {
  fc.assert(
    fc.property(histories, ([sets, policy, said]) => {
      const regions = [...new Set(sets.flat())];
      const heard = said.filter(([one]) => regions.includes(one));
      const placing = heard.reduce(
        (so, [one, why]) => answered(so, one, why, 0),
        beginPlacing(regions, sets, policy),
      );
      const ready = readyOf(placing);
      const isEnough = sets.every(
        (set) => set.filter((one) => ready.includes(one)).length >= least[policy](set.length),
      );
      // Enough is enough once the rest was waited for.
      expect(verdictOf(placing, SETTLE_MS, false) === "go").toBe(isEnough);
      expect(verdictOf(placing, 0, true)).toBe(isEnough ? "go" : "fail");
      // What fails could not have come to enough, whatever is still to be said.
      if (verdictOf(placing, 0, false) !== "fail") return;
      const best = regions.filter((one) => placing.answers[one] !== "exit 1");
      expect(
        sets.some((set) => set.filter((one) => best.includes(one)).length < least[policy](set.length)),
      ).toBe(true);
    }),
  );
});

test("groups that run in the same regions are counted once", () => {
  expect(beginPlacing(["fra", "iad"], [["fra"], ["fra"], ["fra", "iad"]], "any").sets).toEqual([
    ["fra"],
    ["fra", "iad"],
  ]);
});
