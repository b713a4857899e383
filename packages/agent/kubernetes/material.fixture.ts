/** For tests of what is made of a workload. */
import type { WorkloadMaterial } from "@cloudify/protocol";

/** A service that has a file or none. */
export const material = (
  more: Partial<WorkloadMaterial> = {},
  files: WorkloadMaterial["spec"]["files"] = {},
) =>
  ({
    id: "dpl_1.node",
    generation: 1,
    team: "team_1",
    project: "prj_1",
    deployment: "dpl_1",
    spec: {
      v: 1,
      group: "node",
      node: 24,
      memory: 128,
      run: { kind: "service", command: "x", maxDuration: 1 },
      files,
    },
    env: {},
    secrets: [],
    ...more,
  }) satisfies WorkloadMaterial;
