/** A step of a script → the deployment that it begins. */
import type { Spec } from "#features/deployments/state.ts";
import type { Step } from "./script.ts";

export const specOf = (
  { id, isSource, regions, policy }: Extract<Step, { do: "deploy" }>,
  createdAt: number,
): Spec => ({
  id,
  team: "team",
  project: "project",
  target: "production",
  branch: null,
  pointerTargets: ["production"],
  percent: null,
  rolling: null,
  manifest: isSource ? null : "manifest",
  source: null,
  buildLog: null,
  env: "env",
  hostname: `${id}.example`,
  regions,
  failover: regions.slice(2),
  policy,
  names: {},
  createdAt,
});
