import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { guardedNames, isOpenVariable } from "./open-values.ts";

test.each([
  ["SITE", "https://example.com/app"],
  ["HOST", "www.example.com"],
  ["SUPPORT", "team@example.com"],
  ["TITLE", "The Corner Shop, Berlin"],
  ["APP_ENV", "production"],
  ["AWS_REGION", "eu-central-1"],
  ["DEBUG", "true"],
  ["LIMIT", "10000000"],
  ["RELEASE", "v1.2.3-beta.4"],
  ["SINCE", "2026-01-31"],
  ["DATA", "/var/lib/data/"],
  ["LOCALES", "en-US,de-DE,nl"],
  ["VIEW", "userProfile.mainPage"],
  ["ORDER", "GitHub GitLab CI"],
  ["NEXT_PUBLIC_KEY", "pk_live_0123456789abcdef"],
])("%s=%s is a setting, that any text may show", (name, value) => {
  expect(isOpenVariable(name, value)).toBe(true);
});

test.each([
  ["DATABASE", "https://user:pass@example.com/"],
  ["HOOK", "https://example.com/?key=abcdef"],
  ["HOOK", "https://hooks.example.com/services/T0000/B0000/abcdefghijklmnopqrst"],
  ["DATABASE_URL", "postgres://user:pass@db.example.com/app"],
  ["X", "correcthorsebatterystaple"],
  ["X", "sk_live_0123456789abcdef"],
  ["X", "eyJhbGciOiJIUzI1NiJ9.e30.abc"],
  ["X", "hunter2-value"],
  ["X", "VIaqatcaY-PAMtMRHYu_fuekzahrEibf"],
  ["X", "0b6f5f1d-8c0e-77aa-9d2e-0b6f5f1d8c0e"],
  ["DB_PASSWORD", "correct-horse"],
  ["API_TOKEN", "production"],
])("%s=%s may be a secret", (name, value) => {
  expect(isOpenVariable(name, value)).toBe(false);
});

test("what is marked as sensitive is guarded whatever it looks like; of the rest what random bytes make is", () => {
  const key = fc.constantFrom("A", "APP_ENV", "NEXT_PUBLIC_A", "B_TOKEN");
  fc.assert(
    fc.property(fc.record({ key, value: fc.string(), sensitive: fc.constant(true) }), (one) => {
      expect(guardedNames([one])).toEqual([one.key]);
    }),
  );
  // Bytes that the generator makes are mostly small.
  const bytes = (seed: number, length: number) =>
    createHash("sha512").update(String(seed)).digest().subarray(0, length);
  const form = fc.constantFrom("base64url" as const, "hex" as const);
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 24, max: 48 }), form, (seed, length, encoding) => {
      const one = { key: "A", value: bytes(seed, length).toString(encoding), sensitive: false };
      expect(guardedNames([one])).toEqual(["A"]);
    }),
  );
});

test("a long value is judged at once", () => {
  const began = performance.now();
  for (const part of ["a-", "1.", "a", "A b, ", "a@", "v1-"]) isOpenVariable("A", `${part.repeat(30_000)}!`);
  expect(performance.now() - began).toBeLessThan(1_000);
});
