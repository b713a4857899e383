import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const needed = { CLOUDIFY_API: "https://cloud.example/x", CLOUDIFY_AGENT_HOME: "/home" };

test("what is not said has a default, and the API is its origin", () => {
  expect(parseConfig(needed, 8e9)).toMatchObject({
    api: "https://cloud.example",
    token: null,
    driver: "process",
    ingress: { host: "127.0.0.1", port: 0, origin: null },
    builds: 1,
    metricsPort: null,
  });
});

test.each([
  [{ CLOUDIFY_API: undefined }, "CLOUDIFY_API"],
  [{ CLOUDIFY_API: "cloud.example" }, "CLOUDIFY_API"],
  [{ CLOUDIFY_AGENT_HOME: undefined }, "CLOUDIFY_AGENT_HOME"],
  [{ CLOUDIFY_AGENT_DRIVER: "docker" }, "CLOUDIFY_AGENT_DRIVER"],
  [{ CLOUDIFY_INGRESS_PORT: "80a" }, "CLOUDIFY_INGRESS_PORT"],
  [{ CLOUDIFY_INGRESS_ORIGIN: "here" }, "CLOUDIFY_INGRESS_ORIGIN"],
  [{ CLOUDIFY_AGENT_BUILDS: "-1" }, "CLOUDIFY_AGENT_BUILDS"],
  [{ CLOUDIFY_METRICS_PORT: "70000" }, "CLOUDIFY_METRICS_PORT"],
])("%j is refused by its name", (env, name) => {
  expect(() => parseConfig({ ...needed, ...env }, 8e9)).toThrow(name);
});
