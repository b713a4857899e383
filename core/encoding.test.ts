import fc from "fast-check";
import { expect, test } from "vitest";
import { base64, canonicalJson, fromBase64 } from "./encoding.ts";

test("bytes come back from base64, however many", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(fromBase64(base64(bytes))).toEqual(bytes);
    }),
  );
  const many = new Uint8Array(2_000_000).fill(0xff);
  expect(Buffer.compare(fromBase64(base64(many)), many)).toBe(0);
});

/** The same value, its keys in another order at each level. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

test("equal values have equal texts, whatever the order of their keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
