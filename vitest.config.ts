import { defineConfig } from "vitest/config";

/** Each file has a platform of its own; two at a time are enough for two cores. */
const outside = { testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 2, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "rules", include: ["{core,features,packages,scripts,workers}/**/*.test.ts"] } },
      {
        test: {
          name: "e2e",
          include: ["tests/{conformance,deployments,docs,e2e,functions,wiring}/**/*.test.ts"],
          ...outside,
        },
      },
      { test: { name: "browser", include: ["tests/browser/**/*.test.ts"], ...outside } },
    ],
  },
});
