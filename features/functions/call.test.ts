import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeHead } from "./call.ts";

const head = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), fc.string({ unit: "binary" }));

test("a head comes out of one header field as it went in, whatever letters its values have", () => {
  fc.assert(
    fc.property(head, (fields) => {
      const text = encodeHead(Object.entries(fields));
      expect(text).toMatch(/^[\x20-\x7e]*$/);
      expect(JSON.parse(text)).toEqual({ ...fields });
    }),
  );
});
