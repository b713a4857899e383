/** Every operation of the API, by feature: what the server mounts, the document lists and the SDK is typed by. */
import type { Contract } from "#core/contract.ts";
import { accounts } from "#features/accounts/contract.ts";
import { audit } from "#features/audit/contract.ts";
import { blobs } from "#features/blobs/contract.ts";
import { deployments } from "#features/deployments/contract.ts";
import { envVars } from "#features/env-vars/contract.ts";
import { functions } from "#features/functions/contract.ts";
import { projects } from "#features/projects/contract.ts";
import { regions } from "#features/regions/contract.ts";
import { rollouts } from "#features/rollouts/contract.ts";
import { traffic } from "#features/traffic/contract.ts";

export const contracts = {
  accounts,
  projects,
  deployments,
  rollouts,
  functions,
  blobs,
  envVars,
  audit,
  traffic,
  regions,
} satisfies Record<string, Contract>;
