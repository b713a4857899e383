import { expect, test } from "vitest";
import { systemRandom } from "#core/time.ts";
import { newSecret } from "./secret.ts";

test("a secret needs no quoting anywhere", () => {
  for (let i = 0; i < 1_000; i++) expect(newSecret(systemRandom)).toMatch(/^cfy_[0-9A-Za-z]{40}$/);
});

test("no character is likelier than another: as many bytes make each, and the rest make none", () => {
  const counts = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    // Once this byte, then what makes a "0".
    let isFirst = true;
    const source = {
      bytes: (length: number) => {
        const bytes = new Uint8Array(length);
        if (isFirst) bytes[0] = byte;
        isFirst = false;
        return bytes;
      },
    };
    const [first = ""] = newSecret(source).slice("cfy_".length);
    if (byte < 248) counts.set(first, (counts.get(first) ?? 0) + 1);
    else expect(first).toBe("0");
  }
  expect(counts.size).toBe(62);
  expect(new Set(counts.values())).toEqual(new Set([4]));
});
