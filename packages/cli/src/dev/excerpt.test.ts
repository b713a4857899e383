import fc from "fast-check";
import { expect, test } from "vitest";
import { excerptOf } from "./excerpt.ts";

test("the mark stands below the character that is meant", () => {
  const source = "one\ntwo\n\tthree();\nfour\nfive\nsix\nseven";
  expect(excerptOf(source, 3, 2)).toBe(
    ["  1 | one", "  2 | two", "> 3 | \tthree();", "    | \t^", "  4 | four", "  5 | five", "  6 | six"].join(
      "\n",
    ),
  );
});

test("whatever the place, it throws nothing and shows the line if there is one", () => {
  const sources = fc.string({ unit: fc.constantFrom("a", "\t", "\n", "é", " "), maxLength: 60 });
  fc.assert(
    fc.property(
      sources,
      fc.integer({ min: -2, max: 40 }),
      fc.integer({ min: 1, max: 80 }),
      (source, line, column) => {
        const count = source.split("\n").length;
        const shown = excerptOf(source, line, column);
        if (line < 1 || line > count) return shown === "";
        return shown.split("\n").filter((one) => one.startsWith(">")).length === 1;
      },
    ),
  );
});
