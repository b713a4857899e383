import fc from "fast-check";
import { expect, test } from "vitest";
import { derivedId, newId } from "./ids.ts";
import { systemRandom } from "./time.ts";

const moment = fc.integer({ min: 0, max: 2 ** 48 - 1 });

test("an id says its kind, and ids of one kind sort by when they were made", () => {
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      const [one, other] = [newId("project", a, systemRandom), newId("project", b, systemRandom)];
      expect(one).toMatch(/^prj_[0-9a-hjkmnp-tv-z]{26}$/);
      if (a !== b) expect(one < other).toBe(a < b);
    }),
  );
});

test("a derived id looks like any other, and is the same for the same text only", async () => {
  const [one, again, other] = await Promise.all(["a", "a", "b"].map((text) => derivedId("auditEntry", text)));
  expect(one).toMatch(/^aud_[0-9a-hjkmnp-tv-z]{26}$/);
  expect(again).toBe(one);
  expect(other).not.toBe(one);
});

test("ids of one millisecond differ", () => {
  const ids = Array.from({ length: 10_000 }, () => newId("token", 1, systemRandom));
  expect(new Set(ids).size).toBe(ids.length);
});
