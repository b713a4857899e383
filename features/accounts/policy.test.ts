import fc from "fast-check";
import { expect, test } from "vitest";
import { type Role, SCOPES } from "#core/contract.ts";
import { exceeds, includes, may } from "./policy.ts";

const role = fc.constantFrom<Role>("viewer", "developer", "admin", "owner");
const scopes = fc.option(fc.subarray([...SCOPES]), { nil: null });
const expiresAt = fc.option(fc.integer({ min: 0, max: 100 }), { nil: null });
const lasting = fc.record({ role, scopes, expiresAt });

test("what each role may do", () => {
  const allowed = (of: Role) => SCOPES.filter((scope) => may({ role: of, scopes: null }, scope));
  expect(allowed("viewer")).toEqual([
    "teams:read",
    "projects:read",
    "deployments:read",
    "logs:read",
    "regions:read",
  ]);
  const notDeveloper = ["teams:write", "tokens:write", "regions:write"];
  expect(allowed("developer")).toEqual(SCOPES.filter((scope) => !notDeveloper.includes(scope)));
  expect(allowed("admin")).toEqual(SCOPES.filter((scope) => scope !== "teams:write"));
  expect(allowed("owner")).toEqual([...SCOPES]);
});

test("a higher role may do all that a lower one may", () => {
  fc.assert(
    fc.property(role, role, fc.constantFrom(...SCOPES), (high, low, scope) => {
      fc.pre(includes(high, low));
      if (may({ role: low, scopes: null }, scope))
        expect(may({ role: high, scopes: null }, scope)).toBe(true);
    }),
  );
});

test("scopes only narrow a role", () => {
  fc.assert(
    fc.property(role, scopes, fc.constantFrom(...SCOPES), (of, narrowed, scope) => {
      if (may({ role: of, scopes: narrowed }, scope))
        expect(may({ role: of, scopes: null }, scope)).toBe(true);
    }),
  );
});

test("no chain of tokens, each made by the one before, ends in one that may do more or for longer", () => {
  fc.assert(
    fc.property(lasting, fc.array(lasting, { maxLength: 6 }), (first, wanted) => {
      let last = first;
      for (const one of wanted) if (!exceeds(one, last)) last = one;
      for (const scope of SCOPES) if (may(last, scope)) expect(may(first, scope)).toBe(true);
      expect(last.expiresAt ?? Infinity).toBeLessThanOrEqual(first.expiresAt ?? Infinity);
    }),
    { numRuns: 5_000 },
  );
});
