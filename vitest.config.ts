import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

/** Each file has a platform of its own; two at a time are enough for two cores. */
const outside = {
  testTimeout: 60_000,
  hookTimeout: 120_000,
  maxWorkers: 2,
  sequence: { groupOrder: 1 },
  // A guarantee of time says its own; what is only waited for may be slow on a busy machine.
  expect: { poll: { timeout: 10_000 } },
};

const KUBE = "tests/agent/kubernetes*.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "rules",
          include: ["{core,features,packages,scripts,workers,tests/simulation}/**/*.test.ts"],
          // Thousands of histories: seconds of work, and more on a busy machine.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: [
            "tests/{agent,cli,conformance,deployments,dev,docs,e2e,functions,regions,wiring}/**/*.test.ts",
          ],
          exclude: [KUBE],
          ...outside,
        },
      },
      // Inside workerd, in the objects' own Worker: only there can a test evict an object and run its alarm.
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml", environment: "objects" },
            miniflare: { bindings: { MIGRATIONS: await readD1Migrations("./migrations") } },
          }),
        ],
        test: {
          name: "objects",
          include: ["tests/objects/**/*.test.ts"],
          setupFiles: ["tests/objects/setup.ts"],
        },
      },
      // Needs a control plane, which scripts/kube/build.sh makes once, in minutes.
      { test: { name: "kube", include: [KUBE], ...outside, maxWorkers: 1 } },
      { test: { name: "browser", include: ["tests/browser/**/*.test.ts"], ...outside } },
    ],
  },
});
