import fc from "fast-check";
import { expect, test } from "vitest";
import { packOf, packsOf } from "./packs.ts";

const sizes = fc.array(fc.integer({ min: 0, max: 400_000 }), { maxLength: 400 });

test("every file travels once, in a pack that the API takes, and large ones alone", () => {
  fc.assert(
    fc.property(sizes, (given) => {
      const sources = given.map((size, i) => ({ sha256: String(i), size }));
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

test("a pack holds every file under its digest, byte for byte", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), async (given) => {
      const files = given.map((bytes, i) => ({ sha256: i.toString(16).padStart(64, "0"), bytes }));
      const { type, body } = await packOf(
        files.map(({ sha256, bytes }) => ({ sha256, bytes: new Blob([new Uint8Array(bytes)]) })),
      );
      const form = await new Response(body, { headers: { "content-type": type } }).formData();
      const read = [...form].map(async ([sha256, part]) => ({
        sha256,
        bytes: new Uint8Array(await (part as File).arrayBuffer()),
      }));
      expect(await Promise.all(read)).toEqual(
        files.map(({ sha256, bytes }) => ({ sha256, bytes: new Uint8Array(bytes) })),
      );
    }),
  );
});
