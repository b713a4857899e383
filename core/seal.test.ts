import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type KeyRing, keyIdOf, open, parseKeyRing, seal, sealedBytes } from "./seal.ts";
import { systemRandom } from "./time.ts";

const key = () => new Uint8Array(randomBytes(32));
const ring: KeyRing = { current: "a", keys: { a: key() } };
const text = fc.string({ unit: "binary", maxLength: 2_000 }).map((one) => one.toWellFormed());

test("what is sealed opens where it belongs, and its size is known without opening it", async () => {
  await fc.assert(
    fc.asyncProperty(text, fc.string(), async (plain, place) => {
      const sealed = await seal(ring, plain, place, systemRandom);
      expect(await open(ring, sealed, place)).toBe(plain);
      expect(sealedBytes(sealed)).toBe(Buffer.byteLength(plain));
    }),
  );
});

test("what was moved, changed, or sealed with an unknown key does not open", async () => {
  const sealed = await seal(ring, "secret", "env:1", systemRandom);
  await expect(open(ring, sealed, "env:2")).rejects.toThrow();
  const [id = "", data = ""] = sealed.split(".");
  const bytes = Buffer.from(data, "base64");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(open(ring, `${id}.${changed.toString("base64")}`, "env:1")).rejects.toThrow();
  }
  await expect(open({ current: "b", keys: { b: key() } }, sealed, "env:1")).rejects.toThrow();
});

test("after a change of the current key, old texts open and new ones are sealed with the new key", async () => {
  const old = await seal(ring, "before", "x", systemRandom);
  const changed: KeyRing = { current: "b", keys: { ...ring.keys, b: key() } };
  expect(await open(changed, old, "x")).toBe("before");
  expect(keyIdOf(await seal(changed, "after", "x", systemRandom))).toBe("b");
});

test("a text as large as an environment may be is sealed", async () => {
  const large = "ü".repeat(200_000);
  expect(await open(ring, await seal(ring, large, "x", systemRandom), "x")).toBe(large);
});

test.each(["", "{}", '{"current":"a","keys":{}}', '{"current":"a","keys":{"a":"c2hvcnQ="}}'])(
  "%j is no ring of keys",
  (json) => expect(() => parseKeyRing(json)).toThrow(),
);
