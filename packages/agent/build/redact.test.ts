import fc from "fast-check";
import { expect, test } from "vitest";
import { needlesOf, Redactor } from "./redact.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

function redacted(secrets: readonly string[], stream: Buffer, cuts: readonly number[] = []): string {
  const redactor = new Redactor(needlesOf(secrets));
  const places = [
    0,
    ...[...cuts].map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b),
    stream.length,
  ];
  const parts = places.slice(1).map((end, i) => redactor.push(stream.subarray(places[i], end)));
  return Buffer.concat([...parts, redactor.end()]).toString("utf8");
}

const secret = fc.string({ minLength: 12, maxLength: 60, unit: "binary-ascii" }).filter(isTelling);
/** Not one of repetitions or separators only: its forms would be too short to be looked for. */
function isTelling(text: string): boolean {
  return new Set(text.replace(/[\s"'`,]/g, "")).size >= 8;
}
const around = fc.string({ maxLength: 40, unit: fc.constantFrom(..."<>|_.\n") });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

const FORMS: Record<string, (text: string) => string> = {
  "as it is": (text) => text,
  "JSON-escaped": (text) => JSON.stringify(text).slice(1, -1),
  "percent-encoded": encodeURIComponent,
  hexadecimal: (text) => bytes(text).toString("hex"),
};

test.each(Object.entries(FORMS))("%s, a secret is in no output, wherever the stream is cut", (_, form) => {
  fc.assert(
    fc.property(secret, around, around, cuts, (value, before, after, at) => {
      const shown = redacted([value], bytes(before + form(value) + after), at);
      expect(shown.replace(/[\s"'`,]/g, "")).not.toContain(form(value).replace(/[\s"'`,]/g, ""));
      expect(shown).toContain("[redacted]");
      expect(shown.startsWith(before)).toBe(true);
    }),
  );
});

test("in base64 of any alignment, in either alphabet, wrapped at any width, no long part of a secret is left", () => {
  const widths = fc.option(fc.integer({ min: 4, max: 76 }), { nil: null });
  fc.assert(
    fc.property(
      secret,
      around,
      around,
      cuts,
      fc.boolean(),
      widths,
      (value, before, after, at, isUrl, width) => {
        const coded = bytes(before + value + after).toString(isUrl ? "base64url" : "base64");
        const wrapped =
          width === null ? coded : (coded.match(new RegExp(`.{1,${width}}`, "g")) ?? []).join("\n");
        const shown = redacted([value], bytes(wrapped), at);
        const left = shown.replace(/\n/g, "").split("[redacted]");
        const text = left.map((part) => Buffer.from(part, "base64").toString("latin1")).join("");
        expect(text.length).toBeLessThan(before.length + after.length + 8);
      },
    ),
  );
});

test("a stream without secrets passes as it is, wherever it is cut", () => {
  const any = fc.uint8Array({ maxLength: 300 }).map((one) => Buffer.from(one));
  fc.assert(
    fc.property(any, cuts, (stream, at) => {
      const redactor = new Redactor(needlesOf(["correct horse battery staple"]));
      const places = [0, ...at.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
      const parts = places.slice(1).map((end, i) => redactor.push(stream.subarray(places[i], end)));
      expect(Buffer.concat([...parts, redactor.end()]).equals(stream)).toBe(true);
    }),
  );
});

test("what overlaps, repeats or begins again inside of itself is found", () => {
  const secrets = ["abcabcabcd", "cabcdabcab"];
  expect(redacted(secrets, bytes("xabcabcabcabcdx"))).toBe("xabc[redacted]x");
  expect(redacted(secrets, bytes("xabcabcabcdabcabx"))).toBe("x[redacted]x");
  expect(redacted(secrets, bytes("xabcabcabcd\nabcabcabcdx"))).toBe("x[redacted]x");
  expect(redacted(secrets, bytes("xabcabcabcd|abcabcabcdx"))).toBe("x[redacted]|[redacted]x");
});

test("a private key is taken out line by line", () => {
  const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----";
  expect(redacted([key], bytes("at 1: MIIEvQIBADANBgkq;\nat 2: hkiG9w0BAQEFAASC;"))).toBe(
    "at 1: [redacted];\nat 2: [redacted];",
  );
});

test("a secret that was cut off by the stream's end is not told", () => {
  expect(redacted(["hunter2-hunter2"], bytes("pass=hunter2-hun"))).toBe("pass=[redacted]");
});

test("a line that may be a secret's beginning is told when nothing follows, and the secret still is not", () => {
  const redactor = new Redactor(needlesOf(["topsecret-value"]));
  expect(redactor.push(bytes("next: to")).toString()).toBe("next: ");
  expect(redactor.idle().toString()).toBe("to");
  expect(redactor.push(bytes("psecret-value.")).toString()).toBe("[redacted].");
});

test("a stream of many megabytes costs seconds, not minutes", () => {
  const secrets = Array.from({ length: 100 }, (_, i) => `secret-${i}-${"0123456789abcdef".repeat(3)}`);
  const redactor = new Redactor(needlesOf(secrets));
  const chunk = bytes("secret-7 [12:00:00] compiled 17 modules in 12 ms\n".repeat(1_337));
  const from = performance.now();
  for (let i = 0; i < 64; i++) redactor.push(chunk);
  const seconds = (performance.now() - from) / 1_000;
  expect(((64 * chunk.length) / seconds) * 1e-6).toBeGreaterThan(1);
});
