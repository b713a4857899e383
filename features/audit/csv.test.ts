import fc from "fast-check";
import { expect, test } from "vitest";
import { csvRow } from "./csv.ts";

/** RFC 4180, read strictly. */
function parse(row: string): string[] {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/.exec(row.slice(at));
    if (!match) throw new Error(`not RFC 4180 at ${at}: ${JSON.stringify(row)}`);
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    at += match[0].length;
    if (match[3] !== ",") return cells;
  }
}

const text = fc.string({
  unit: fc.constantFrom("a", '"', ",", "\r", "\n", "=", "+", "-", "@", "\t", " ", "'", "é"),
});

test("what is written can be read back, and no cell is a formula", () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), (fields) => {
      const cells = parse(csvRow(fields));
      expect(cells.map((cell, i) => (cell === `'${fields[i]}` ? fields[i] : cell))).toEqual(fields);
      for (const cell of cells) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    }),
    { numRuns: 2_000 },
  );
});

test("numbers and gaps stay as they are", () => expect(csvRow([1, null, -2])).toBe("1,,-2\r\n"));
