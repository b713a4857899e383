import fc from "fast-check";
import { expect, test } from "vitest";
import { pooledRandom, systemRandom } from "./time.ts";

test("a pool gives as many bytes as asked for, and none of them twice", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 50 }), (lengths) => {
      const random = pooledRandom(32);
      const given = lengths.map((length) => random.bytes(length));
      expect(given.map(({ length }) => length)).toEqual(lengths);
      // Two equal draws of twelve bytes would be a wonder.
      const long = given.filter(({ length }) => length >= 12).map((bytes) => bytes.join(" "));
      expect(new Set(long).size).toBe(long.length);
    }),
  );
});

test("what was given out is the asker's: writing into it does not reach the next", () => {
  const random = pooledRandom(64);
  random.bytes(16).fill(0);
  expect(random.bytes(16).some((byte) => byte !== 0)).toBe(true);
  expect(random.bytes(16)).not.toEqual(systemRandom.bytes(16));
});
