import { expect, test } from "vitest";
import { buildTask } from "../../../features/regions/tasks.fixture.ts";
import type { BuildJob } from "../driver.ts";
import { jobOf } from "./build-objects.ts";
import { KINDS, type Plural, Served } from "./kinds.ts";
import { POD_ENV } from "./pod-contract.ts";
import { settingsFrom } from "./settings.ts";

const versions = Object.entries(KINDS).map(
  ([plural, { versions }]) => [plural as Plural, versions[0]] as const,
);
const served = new Served("cloudify-fra", new Map(versions));
const job: BuildJob = {
  task: buildTask("dpl1"),
  env: {},
  secrets: [],
  sensitive: [],
  source: "",
  output: "",
  cache: "",
  onLine: () => undefined,
};

interface Container {
  env: { name: string; value: string }[];
  resources: Record<"requests" | "limits", { memory: string }>;
}

/** The build's container, of an agent with this environment. */
function containerWith(env: Record<string, string>): Container {
  const given = { CLOUDIFY_NAMESPACE: "cloudify-fra", CLOUDIFY_IMAGE: "registry.example/agent:1" };
  const { spec } = jobOf(job, settingsFrom({ ...given, ...env }, "fra"), served) as unknown as {
    spec: { template: { spec: { containers: [Container] } } };
  };
  return spec.template.spec.containers[0];
}

test.each([
  [{}, 4_096, "1024Mi", "4352Mi"],
  [{ CLOUDIFY_AGENT_BUILD_MEMORY: "8192" }, 8_192, "2048Mi", "8448Mi"],
  // A request over the limit would be refused.
  [{ CLOUDIFY_AGENT_BUILD_MEMORY: "130" }, 130, "33Mi", "386Mi"],
])("with %j a build may hold %i MiB, and its pod a little more", (env, mib, requested, limit) => {
  const { env: told, resources } = containerWith(env);
  expect(told.find(({ name }) => name === POD_ENV.memory)?.value).toBe(String(mib * 1_024 * 1_024));
  expect(resources.requests.memory).toBe(requested);
  expect(resources.limits.memory).toBe(limit);
});
