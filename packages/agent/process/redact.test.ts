import fc from "fast-check";
import { expect, test } from "vitest";
import { PLAIN_BYTES, readLines } from "./lines.ts";
import { redaction } from "./redact.ts";

test("no secret is left in a line, plain or in Base64, whatever stands around it", () => {
  const secret = fc.stringMatching(/^[a-z0-9]{12,60}$/);
  fc.assert(
    fc.property(secret, fc.string(), fc.string(), (value, before, behind) => {
      const { text } = redaction({ KEY: value }, ["KEY"]);
      expect(text(`${before}${value}${behind}`)).not.toContain(value);
      expect(text(Buffer.from(`user:${value}:x`).toString("base64"))).toContain("[redacted]");
    }),
  );
});

test("a secret is found in a stream wherever it is cut, also by the limit of a line", () => {
  const value = "canary-0123456789";
  for (let at = 1; at < value.length; at++) {
    const lines: string[] = [];
    const stream = redaction({ KEY: value }, ["KEY"]).before(
      readLines(PLAIN_BYTES, (line) => lines.push(line)),
    );
    const before = "x".repeat(16_384 - at);
    stream.write(Buffer.from(`${before}${value.slice(0, at)}`));
    stream.write(Buffer.from(`${value.slice(at)}\n`));
    stream.end();
    expect(lines.join("")).toBe(`${before}[redacted]`);
  }
});

test("what is no secret stays, and so does a value too short to be one", () => {
  expect(redaction({ A: "visible", B: "1" }, ["B"]).text("visible 1")).toBe("visible 1");
});

test("a line that ends with a secret is told without waiting for the next", async () => {
  const lines: string[] = [];
  const stream = redaction({ KEY: "canary-secret" }, ["KEY"]).before(
    readLines(PLAIN_BYTES, (line) => lines.push(line)),
  );
  stream.write(Buffer.from("it is canary-secret\n"));
  await expect.poll(() => lines).toEqual(["it is [redacted]"]);
});
