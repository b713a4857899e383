import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "rules",
          include: [
            "core/**/*.test.ts",
            "features/**/*.test.ts",
            "packages/**/*.test.ts",
            "scripts/**/*.test.ts",
            "workers/**/*.test.ts",
          ],
        },
      },
      {
        test: {
          name: "deployments",
          include: ["tests/deployments/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
