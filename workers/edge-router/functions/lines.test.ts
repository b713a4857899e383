import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { maskFor } from "#features/logs/mask.ts";
import { LINES_A_SECOND } from "#features/logs/policy.ts";
import { LogBuffer } from "./lines.ts";
import type { Batch } from "./sink.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const NOW = 1_800_000_000_400;
const of = { deployment: "dpl_1", team: "team_1", name: "f", env: null };

test("whatever times its lines claim, a deployment writes no more in a second than it may, and one row counts the rest", async () => {
  vi.stubGlobal("scheduler", { wait: async () => undefined });
  const claims = fc.array(fc.integer({ min: -60_000, max: 60_000 }), {
    minLength: LINES_A_SECOND + 1,
    maxLength: 2 * LINES_A_SECOND,
  });
  await fc.assert(
    fc.asyncProperty(claims, async (offsets) => {
      vi.useFakeTimers({ toFake: ["Date"], now: NOW });
      const buffer = new LogBuffer();
      const written: Batch[] = [];
      const lines = offsets.map((offset) => ({ level: "info" as const, text: "x", at: NOW + offset }));
      await buffer.add(of, lines, maskFor([]), async (batch) => void written.push(batch));
      const rows = written.flatMap((batch) => batch.lines);
      expect(rows.filter((row) => row.gap === undefined)).toHaveLength(LINES_A_SECOND);
      expect(rows.filter((row) => row.gap !== undefined)).toMatchObject([
        { gap: offsets.length - LINES_A_SECOND },
      ]);
    }),
    { numRuns: 10 },
  );
});

test("lines that the log did not take are counted in the next row that it takes, with those that they counted", async () => {
  vi.stubGlobal("scheduler", { wait: async () => undefined });
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  const buffer = new LogBuffer();
  const line = { level: "info" as const, text: "x", at: NOW };
  const refuse = () => Promise.reject(new Error("away"));
  const counted = { ...line, gap: 5 };
  await expect(buffer.add(of, [line, line, counted], maskFor([]), refuse)).rejects.toThrow("away");
  const written: Batch[] = [];
  await buffer.add(of, [line], maskFor([]), async (batch) => void written.push(batch));
  const rows = written.flatMap((batch) => batch.lines);
  expect(rows.map(({ gap }) => gap)).toEqual([undefined, 7]);
});
