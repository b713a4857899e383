import fc from "fast-check";
import { expect, test } from "vitest";
import { excerptOf, shown } from "./bundle.ts";

test("wherever in a line of whatever length the place is, the mark is below it, and little is shown", () => {
  const lines = fc.tuple(fc.nat(3_000), fc.nat(3_000));
  fc.assert(
    fc.property(lines, ([before, after]) => {
      const line = `${"x".repeat(before)}@${"y".repeat(after)}`;
      const column = before + 1;
      const about = { text: "wrong", file: "a.js", line: 12, fix: null };
      const [, excerpt = "", mark = ""] = shown({ ...about, column, excerpt: excerptOf(line, column) }).split(
        "\n",
      );
      expect(excerpt[mark.indexOf("^")]).toBe("@");
      expect(excerpt.length).toBeLessThan(220);
    }),
  );
});
