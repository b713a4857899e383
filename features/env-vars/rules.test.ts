import fc from "fast-check";
import { expect, test } from "vitest";
import { choose, isReservedKey, sizeOf } from "./rules.ts";

const candidate = fc.record({
  key: fc.constantFrom("A", "B", "C"),
  targets: fc.subarray(["production", "preview", "staging"], { minLength: 1 }),
  branch: fc.constantFrom("", "main", "next"),
});
/** As the table's unique key has it: a key stands once for a target and branch. */
const stored = fc.array(candidate, { maxLength: 12 }).map((all) => {
  const seen = new Set<string>();
  return all.filter((one) => {
    const names = one.targets.map((target) => `${one.key} ${target} ${one.branch}`);
    if (names.some((name) => seen.has(name))) return false;
    for (const name of names) seen.add(name);
    return true;
  });
});

test("a deployment gets each key of its target once, its branch's own before the general one", () => {
  const target = fc.constantFrom("production", "preview", "staging");
  const branch = fc.constantFrom(null, "main", "other");
  fc.assert(
    fc.property(stored, target, branch, (all, of, on) => {
      const chosen = choose(all, of, on);
      expect(chosen.map((one) => one.key)).toEqual([...new Set(chosen.map((one) => one.key))].sort());
      const fitting = all.filter(
        (one) => one.targets.includes(of) && (one.branch === "" || one.branch === on),
      );
      expect(new Set(chosen.map((one) => one.key))).toEqual(new Set(fitting.map((one) => one.key)));
      for (const one of chosen) {
        expect(fitting).toContain(one);
        const own = fitting.some((other) => other.key === one.key && other.branch !== "");
        expect(one.branch !== "").toBe(own);
      }
      expect(choose(all.toReversed(), of, on)).toEqual(chosen);
    }),
    { numRuns: 2_000 },
  );
});

test.each(["CLOUDIFY_URL", "cloudify_url", "VERCEL", "VERCEL_ENV", "PORT", "CRON_SECRET"])(
  "%s is the platform's own",
  (key) => expect(isReservedKey(key)).toBe(true),
);

test.each(["MY_CLOUDIFY_KEY", "VERCELLI", "DATABASE_URL", "PORTAL", "NODE_ENV"])(
  "%s is the team's to set",
  (key) => expect(isReservedKey(key)).toBe(false),
);

test("names and values count", () => {
  expect(sizeOf([])).toBe(0);
  expect(
    sizeOf([
      { key: "AB", bytes: 10 },
      { key: "C", bytes: 0 },
    ]),
  ).toBe(13);
});
