import fc from "fast-check";
import { expect, test } from "vitest";
import { fromCursor, fromNumberCursor, toPage } from "./page.ts";

test("pages hold every row once and in order, whatever their size", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 25 }),
      async (count, limit) => {
        const rows = Array.from({ length: count }, (_, i) => i + 1);
        const seen: number[] = [];
        let cursor: string | undefined;
        do {
          const after = fromNumberCursor(cursor) ?? 0;
          const found = rows.filter((row) => row > after).slice(0, limit + 1);
          const page = await toPage(found, limit, String, (shown) => shown);
          expect(page.data.length).toBeLessThanOrEqual(limit);
          seen.push(...page.data);
          cursor = page.next ?? undefined;
        } while (cursor !== undefined);
        expect(seen).toEqual(rows);
      },
    ),
  );
});

test("a cursor that no list gave out is refused by name", () => {
  for (const cursor of ["%", btoa("x"), btoa("17"), btoa("prj_' or 1=1"), ""])
    expect(() => fromCursor(cursor)).toThrow(expect.objectContaining({ code: "invalid_input" }));
  expect(() => fromNumberCursor(btoa("prj_x"))).toThrow(expect.objectContaining({ code: "invalid_input" }));
});
