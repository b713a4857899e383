/** What of a deployment a region is to run. Pure. */
import { workloadId } from "@cloudify/protocol";
import type { Wanted } from "#features/regions/rpc.ts";
import type { Pinned, Spec } from "./state.ts";

/** @param workloads Group → digest of its specification. @param pinned Each group in its own regions, if it has such. */
export function wantedIn(
  region: string,
  { id: deployment, team, project, env }: Pick<Spec, "id" | "team" | "project" | "env">,
  workloads: Record<string, string>,
  pinned: Pinned,
): Wanted[] {
  const own = Object.entries(workloads).filter(([group]) => pinned[group]?.includes(region) ?? true);
  const about = { team, project, deployment, env, isWarm: true };
  return own.map(([group, spec]) => ({ ...about, id: workloadId(deployment, group), spec }));
}
