import fc from "fast-check";
import { expect, test } from "vitest";
import { columnOf } from "./columns.ts";

test("a column counts characters, whatever bytes stand before it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (before) => {
      const bytes = new TextEncoder().encode(before).length;
      expect(columnOf(`${before}@ü`, bytes)).toBe(before.length + 1);
    }),
  );
});
