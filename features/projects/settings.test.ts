import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULTS, withChange } from "./settings.ts";

test.each([
  ["productionBranch", { productionBranch: "main" }],
  ["protection", { protection: "password" as const }],
  ["protection", { protection: "sso" as const }],
])("%s is refused by name, since nothing uses it", (setting, change) => {
  expect(() => withChange(DEFAULTS, change)).toThrow(
    expect.objectContaining({ code: "not_yet", extensions: { setting } }),
  );
});

test("a change touches what it names and nothing else; null goes back to detection", () => {
  const text = fc.option(fc.string(), { nil: null });
  const some = fc.record(
    { rootDirectory: text, framework: text, buildCommand: text, outputDirectory: text, installCommand: text },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(some, some, (first, second) => {
      const before = withChange(DEFAULTS, first);
      expect(withChange(before, second)).toEqual({ ...before, ...second });
      expect(withChange(before, { nodeVersion: null, regions: null, protection: "public" })).toEqual(before);
      expect(withChange(before, { framework: undefined })).toEqual(before);
    }),
  );
});
