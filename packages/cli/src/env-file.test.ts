import { parse } from "dotenv";
import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeEnvFile } from "./env-file.ts";

const key = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,9}$/);
const value = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom("a", " ", "#", "$", "'", '"', "`", "\\", "n", "\n", "\r", "=", "{", "}"),
    maxLength: 12,
  }),
);

test("dotenv reads back what was pulled, but for what the file says it can't hold", () => {
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 5 }), (env) => {
      const { text, skipped } = mergeEnvFile("", { env, sensitive: [] });
      const kept = Object.entries(env).filter(([name]) => !skipped.includes(name));
      expect({ ...parse(text) }).toEqual(Object.fromEntries(kept));
    }),
    { numRuns: 5_000 },
  );
});

test("other lines stay as they are, and pulling again replaces only the block", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^(?:[A-Z]=[a-z0-9 #]{0,8}\r?\n){0,4}$/),
      fc.stringMatching(/^(?:\r?\n[A-Z]=[a-z]{0,8}){0,3}$/),
      (before, after) => {
        const once = mergeEnvFile(before, { env: { A: "1" }, sensitive: ["S"] }).text + after;
        const twice = mergeEnvFile(once, { env: { A: "2", B: "3" }, sensitive: [] }).text;
        expect(twice.startsWith(before)).toBe(true);
        expect(twice.endsWith(after)).toBe(true);
        expect(twice.match(/>>> cloudify/g)).toHaveLength(1);
        expect(twice).toContain("B=3");
        expect(twice).not.toContain("# S is sensitive");
      },
    ),
  );
});

test("a sensitive variable is a comment, never an empty value", () => {
  const { text } = mergeEnvFile("X=1\n", { env: {}, sensitive: ["SECRET"] });
  expect({ ...parse(text) }).toEqual({ X: "1" });
  expect(text).toContain("# SECRET is sensitive");
});
