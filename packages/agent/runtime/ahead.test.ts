import fc from "fast-check";
import { expect, test } from "vitest";
import { Ahead } from "./ahead.ts";

const MINUTE = 60_000;

test("a process gives way at once where nothing is loaded, and seldom where others are served", () => {
  const ahead = new Ahead(2);
  ahead.failed("a", 0);
  expect(ahead.isWorthAnew("a", 0)).toBe(true);
  ahead.succeeded();
  expect([0, 14, 15].map((minutes) => ahead.isWorthAnew("a", minutes * MINUTE))).toEqual([
    false,
    false,
    true,
  ]);
});

test("there is no hope once all have failed, and only then", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), (outcomes) => {
      const ahead = new Ahead(outcomes.length);
      for (const [at, isGood] of outcomes.entries()) {
        expect(ahead.isHopeless).toBe(false);
        if (isGood) ahead.succeeded();
        else ahead.failed(String(at), 0);
      }
      expect(ahead.isHopeless).toBe(!outcomes.includes(true));
    }),
  );
});

test("each is loaded, one after another", async () => {
  const ahead = new Ahead(3);
  const said: string[] = [];
  await ahead.all(["a", "b", "c"], async (name) => {
    said.push(`begin ${name}`);
    await Promise.resolve();
    said.push(`end ${name}`);
    ahead.failed(name, 0);
  });
  expect(said).toEqual(["begin a", "end a", "begin b", "end b", "begin c", "end c"]);
  expect(ahead.isHopeless).toBe(true);
});
