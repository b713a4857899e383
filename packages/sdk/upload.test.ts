import fc from "fast-check";
import { expect, test } from "vitest";
import { packsOf } from "./upload.ts";

const sizes = fc.array(fc.integer({ min: 0, max: 400_000 }), { maxLength: 400 });

test("every file travels once, in a pack that the API takes, and large ones alone", () => {
  fc.assert(
    fc.property(sizes, (given) => {
      const sources = given.map((size, i) => ({ sha256: String(i), size, load: async () => new Blob() }));
      const packs = packsOf(sources);
      expect(
        packs
          .flat()
          .map((one) => one.sha256)
          .sort(),
      ).toEqual(sources.map((one) => one.sha256).sort());
      for (const pack of packs) {
        const bytes = pack.reduce((sum, one) => sum + one.size, 0);
        expect(pack.length).toBeGreaterThan(0);
        expect(pack.length).toBeLessThanOrEqual(100);
        if (pack.length > 1) expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
        if (pack.some((one) => one.size > 256 * 1024)) expect(pack).toHaveLength(1);
      }
    }),
  );
});
