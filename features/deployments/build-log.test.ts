import fc from "fast-check";
import { expect, test } from "vitest";
import { parseBuildLog } from "./build-log.ts";

test("whatever the bytes are, each line is read or counted, in order, with numbers that never change", () => {
  const good = fc.record({
    at: fc.option(fc.nat()),
    stream: fc.constantFrom("stdout", "stderr"),
    text: fc.string({ unit: "binary" }),
  });
  const line = fc.oneof(
    good.map((one) => JSON.stringify(one)),
    fc.string(),
    fc.constantFrom("null", "[]", "{}", "1"),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const text = lines.map((one) => one.replaceAll("\n", " ")).join("\n");
      const { lines: read, bad } = parseBuildLog(text, 7);
      expect(read.length + bad).toBe(text.split("\n").filter((one) => one.trim() !== "").length);
      expect(read.map(({ n }) => n)).toEqual([...read.map(({ n }) => n)].sort((a, b) => a - b));
      expect(new Set(read.map(({ n }) => n)).size).toBe(read.length);
      expect(parseBuildLog(text, 7).lines).toEqual(read);
    }),
  );
});

test("standard error is a warning, and a line without a time has the deployment's", () => {
  const { lines } = parseBuildLog('{"text":"a"}\n{"at":3,"stream":"stderr","text":"b"}\n', 7);
  expect(lines).toEqual([
    { stream: "build", n: 0, at: 7, level: "info", text: "a" },
    { stream: "build", n: 1, at: 3, level: "warn", text: "b" },
  ]);
});
