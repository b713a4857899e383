import { expect, test } from "vitest";
import { managerEnvironment } from "./environment.ts";
import { managedBy } from "./manager.ts";

const environment = (declared: string, kind: "service" | "vercel", asked: string | null = null) => {
  const way = kind === "vercel" ? ({ kind, framework: null } as const) : ({ kind } as const);
  return managerEnvironment({ managed: managedBy({ declared, lockfile: null }), way }, "/cache", asked);
};

test("yarn installs into node_modules what is sent as it is, and as it likes where a builder gathers the files", () => {
  expect(environment("yarn@4.18.1", "service")).toEqual({ YARN_NODE_LINKER: "node-modules" });
  expect(environment("yarn@4.18.1", "vercel")).toEqual({});
});

test.each([
  ["npm@11.0.0", { npm_config_engine_strict: "false" }],
  ["pnpm@10.34.8", { npm_config_store_dir: "/cache/pnpm", npm_config_node_version: "22.0.0" }],
  ["yarn@1.22.22", { YARN_IGNORE_ENGINES: "true" }],
  // It would refuse the setting.
  ["yarn@4.18.1", {}],
  ["bun@1.2.0", {}],
])("%s does not refuse a project that asks for another Node", (declared, expected) => {
  expect(environment(declared, "vercel", "22.0.0")).toEqual(expected);
});
