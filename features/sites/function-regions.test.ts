import fc from "fast-check";
import { expect, test } from "vitest";
import { isPinned, pinningOf } from "./function-regions.ts";

const region = (name: string) => ({ id: `rgn_${name}`, name });
const places = {
  own: [region("fra"), region("iad")],
  further: [region("sin"), region("syd1")],
  hasFailover: false,
};

test.each<[string | string[] | undefined, string[] | null, string[]]>([
  [undefined, null, []],
  [[], null, []],
  ["", null, [""]],
  [["iad1"], ["rgn_iad"], []],
  ["iad1", ["rgn_iad"], []],
  [["iad"], ["rgn_iad"], []],
  [["rgn_iad"], ["rgn_iad"], []],
  // In failover order, whatever the order of the names; all of the deployment's are no restriction.
  [["iad1", "fra1"], null, []],
  [["sin1", "iad1"], ["rgn_iad", "rgn_sin"], []],
  [["sin1", "iad1", "fra1"], ["rgn_fra", "rgn_iad", "rgn_sin"], []],
  // One that the deployment would not run in, but the team has.
  [["sin1"], ["rgn_sin"], []],
  [["syd1"], ["rgn_syd1"], []],
  // A number is Vercel's, and Vercel's alone.
  [["syd"], null, ["syd"]],
  [["sfo1"], null, ["sfo1"]],
  [["sfo1", "iad1"], ["rgn_iad"], ["sfo1"]],
  [["iad12"], null, ["iad12"]],
  ...["all", "auto", "default", "global", "home"].map((word): [string[], null, string[]] => [
    [word, "iad1"],
    null,
    [],
  ]),
])("%j means %j, and knows nothing of %j", (asked, regions, unknown) => {
  expect(pinningOf(asked, places)).toEqual({ regions, unknown });
});

test("a name is a region of the deployment before it is another's of the team", () => {
  const other = {
    own: [{ id: "shared", name: "iad" }],
    further: [{ id: "own", name: "iad" }, region("fra")],
    hasFailover: false,
  };
  expect(pinningOf(["iad1", "fra"], other).regions).toEqual(["shared", "rgn_fra"]);
});

test("who names all regions, of which some are failover regions, means them as ones like each other", () => {
  const some = { ...places, hasFailover: true };
  expect(pinningOf(["iad1", "fra1"], some).regions).toEqual(["rgn_fra", "rgn_iad"]);
  expect(pinningOf(["all"], some).regions).toBeNull();
});

test("what asks for no place of its own is not pinned", () => {
  expect([undefined, [], "", "auto", ["all"], ["home", "iad1"]].some(isPinned)).toBe(false);
  expect(["iad1", ["iad1"], ["iad1", "sfo1"]].every(isPinned)).toBe(true);
});

const names = fc.constantFrom<string[]>("fra", "iad", "sin", "syd", "gru");
test("each name is a region or is told, and no region comes that was not named", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(names, { minLength: 1 }),
      fc.nat(5),
      fc.array(fc.tuple(names, fc.boolean()), { minLength: 1 }),
      (all, cut, asked) => {
        const [own, further] = [all.slice(0, cut).map(region), all.slice(cut).map(region)];
        const there = { own, further, hasFailover: false };
        const said = asked.map(([name, isVercels]) => (isVercels ? `${name}1` : name));
        const { regions, unknown } = pinningOf(said, there);
        const meant = new Set(asked.flatMap(([name]) => (all.includes(name) ? [`rgn_${name}`] : [])));
        expect(new Set(unknown)).toEqual(new Set(said.filter((name) => !all.includes(name.slice(0, 3)))));
        if (regions) expect(new Set(regions)).toEqual(meant);
        else expect([0, own.length]).toContain(meant.size);
        // The deployment's own come first, in their order.
        const order = all.map((name) => `rgn_${name}`);
        expect(regions ?? []).toEqual(order.filter((id) => regions?.includes(id)));
      },
    ),
  );
});
