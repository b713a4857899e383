import fc from "fast-check";
import { expect, test } from "vitest";
import { redactor } from "./redact.ts";

test("no secret is left in a line, plain or in Base64, whatever stands around it", () => {
  const secret = fc.stringMatching(/^[a-z0-9]{12,60}$/);
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), (value, before, behind) => {
      const redact = redactor({ KEY: value }, ["KEY"]);
      expect(redact(`${before}${value}${behind}`)).not.toContain(value);
      expect(redact(Buffer.from(`user:${value}:x`).toString("base64"))).toContain("[KEY]");
    }),
  );
});

test("each line of a secret of several is one", () => {
  const redact = redactor({ PEM: "-----BEGIN-----\nabcdefghij\n-----END-----" }, ["PEM"]);
  expect(redact("got abcdefghij!")).toBe("got [PEM]!");
});

test("what is no secret stays, and so does a value too short to be one", () => {
  expect(redactor({ A: "visible", B: "1" }, ["B"])("visible 1")).toBe("visible 1");
});
