/** Who does what an outbox row owes, by its kind. */
import type { Effects } from "#core/outbox.ts";
import { purgeDeployment } from "#features/deployments/purge.ts";
import { beginDeployment } from "#features/deployments/start.ts";
import { copyHost } from "#features/hosts/service.ts";
import { copyPolicy, purgeProject } from "#features/projects/effects.ts";
import { copyRegion } from "#features/regions/effects.ts";

export const effects: Effects = {
  "deployment.start": beginDeployment,
  "deployment.purge": purgeDeployment,
  "host.copy": copyHost,
  "policy.copy": copyPolicy,
  "project.purge": purgeProject,
  "region.copy": copyRegion,
};
