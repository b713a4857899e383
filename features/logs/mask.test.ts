import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { maskFor } from "./mask.ts";

const values = fc.string({ unit: "grapheme-ascii", minLength: 10, maxLength: 60 }).filter(
  // Of such a value hardly anything is left to look for.
  (value) => value.replace(/[\s'"`,]/g, "").length >= 10,
);
const around = fc.string({ unit: "grapheme-ascii", maxLength: 20 });

/** Every way that the brief of a secret names for it to reach a line. */
const ways: Record<string, (value: string, cut: number, before: string) => string> = {
  plain: (value) => value,
  json: (value) => JSON.stringify({ value }),
  inspected: (value) => inspect({ value }),
  "percent-encoded": (value) => encodeURIComponent(value),
  "in a form": (value) => new URLSearchParams({ value }).toString(),
  "in a path": (value) => encodeURI(value),
  "in base64, wherever it begins": (value, _, before) => btoa(before + value),
  "in base64 for addresses": (value, _, before) => Buffer.from(before + value).toString("base64url"),
  hexadecimal: (value) => Buffer.from(value).toString("hex"),
  "over two arguments": (value, cut) => `${value.slice(0, cut)} ${value.slice(cut)}`,
  "over two parts of a list": (value, cut) => inspect([value.slice(0, cut), value.slice(cut)]),
};

const isWhole = (way: string, value: string) => way !== "over two parts of a list" || !/['\\]/.test(value);

test.each(Object.keys(ways))("a value is masked %s", (name) => {
  fc.assert(
    fc.property(values, around, fc.nat(), around, (value, before, at, after) => {
      fc.pre(isWhole(name, value));
      const form = ways[name]?.(value, 1 + (at % (value.length - 1)), before) ?? "";
      const shown = maskFor([value]).mask(`${before}${form}${after}`);
      expect(shown).toContain("[masked]");
      expect(shown).not.toContain(form);
      expect(shown).not.toContain(value);
    }),
  );
});

test("a value with any ASCII characters is masked inspected, in whatever quotes it stands", () => {
  // Behind a line's end it may be broken, and each line is a value of its own.
  const character = fc.oneof(
    fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 1 }),
    fc.constantFrom(...`'"\\\``),
  );
  const any = fc.array(character, { minLength: 1, maxLength: 40 }).map((all) => all.join(""));
  fc.assert(
    fc.property(any, values, (some, more) => {
      const value = (some + more).replaceAll("\n", "");
      expect(maskFor([value]).mask(inspect({ value }))).toMatch(
        /^\{\s+value:[\s'"`,]*\[masked\][\s'"`,]*\}$/,
      );
    }),
    { numRuns: 1_000 },
  );
});

test("what is not a value stays as it is", () => {
  fc.assert(
    fc.property(around, (text) => {
      expect(maskFor(["canary-value-of-the-test"]).mask(text)).toBe(text);
    }),
  );
});

test("a line that was cut inside of a value does not show its beginning", () => {
  fc.assert(
    fc.property(values, around, fc.nat(), (value, before, at) => {
      const cut = 4 + (at % (value.length - 4));
      const shown = maskFor([value]).maskCut(`${before}|${value.slice(0, cut)}`);
      const bare = (text: string) => text.replace(/[\s'"`,]/g, "");
      if (bare(value.slice(0, cut)).length >= 4)
        expect(bare(shown)).not.toContain(bare(`|${value.slice(0, cut)}`));
    }),
  );
});

test("each line of a key in PEM is masked, since Node prints them apart", () => {
  const key =
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQ\n-----END PRIVATE KEY-----\n";
  const shown = maskFor([key]).mask(inspect({ key }));
  for (const line of key.trim().split("\n")) expect(shown).not.toContain(line);
});

test("a long value is masked whole, and one that was cut anywhere up to its end", () => {
  const value = Array.from({ length: 1_000 }, (_, i) => i.toString(36)).join("-");
  for (const length of [255, 256, 257, 261, 262, 263, 512, 700, value.length]) {
    const long = value.slice(0, length);
    const mask = maskFor([long]);
    expect(mask.mask(`<${long}>`)).toBe("<[masked]>");
    for (let cut = 4; cut <= length; cut++) expect(mask.maskCut(`<${long.slice(0, cut)}`)).toBe("<[masked]");
  }
});

test("the longest of values that stand at one place is masked", () => {
  const all = ["secret-a", "secret-a-b", "secret-a-b-c", "secret-b"];
  const mask = maskFor(all);
  for (const value of all) expect(mask.mask(`<${value}>, <secret->`)).toBe("<[masked]>, <secret->");
  expect(mask.mask("secret-a-b-secret-a-c")).toBe("[masked]-[masked]-c");
});

/** Whoever writes a log serves others meanwhile. */
test("no environment makes a line take long", () => {
  const letters = (i: number) => i.toString(26).padStart(3, "0");
  const environments = [
    Array.from({ length: 5_000 }, (_, i) => `value${letters(i)}`),
    [Array.from({ length: 5_000 }, (_, i) => `value${letters(i)}`).join("\n")],
    [Array.from({ length: 350 }, (_, i) => "a".repeat(8 + i)).join("\n")],
    Array.from({ length: 8 }, (_, i) => "a".repeat(8_000) + letters(i)),
  ];
  const lines = ["value".repeat(1_600), "a".repeat(8_000), `${"a".repeat(357)}b`.repeat(22)];
  for (const values of environments) {
    const mask = maskFor(values);
    for (const line of lines) mask.maskCut(line);
    const startedAt = performance.now();
    for (const line of lines) mask.maskCut(line);
    expect(performance.now() - startedAt).toBeLessThan(250);
  }
});

test("short values are left alone", () => {
  expect(maskFor(["true", "8080", ""]).mask("it is true: 8080")).toBe("it is true: 8080");
});
