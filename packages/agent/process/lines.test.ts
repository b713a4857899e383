import fc from "fast-check";
import { expect, test } from "vitest";
import { PLAIN_BYTES, readLines } from "./lines.ts";

const linesOf = (chunks: readonly Uint8Array[]): string[] => {
  const lines: string[] = [];
  const reader = readLines(PLAIN_BYTES, (text) => lines.push(text));
  for (const chunk of chunks) reader.write(chunk);
  reader.end();
  return lines;
};

test("lines are the same however their bytes are cut into chunks", () => {
  const texts = fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n]/g, "")));
  fc.assert(
    fc.property(texts, fc.array(fc.integer({ min: 1, max: 9 })), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const size of cuts) {
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      chunks.push(bytes.subarray(at));
      expect(linesOf(chunks)).toEqual(lines);
    }),
  );
});

test("a line without an end is cut at the limit, and between characters", () => {
  const text = "aä€😀".repeat(8_000);
  const lines = linesOf([Buffer.from(text)]);
  expect(lines.join("")).toBe(text);
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(PLAIN_BYTES);
});

test("a carriage return before the newline is no part of the line", () => {
  expect(linesOf([Buffer.from("one\r\n\r\ntwo\r")])).toEqual(["one", "", "two"]);
});
