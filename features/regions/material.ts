/** What an agent needs to run a workload: its spec, its opened environment, and its bytes; of what it is to run only. */
import { type WorkloadMaterial, type WorkloadSpec, workloadKey } from "@cloudify/protocol";
import { and, eq } from "drizzle-orm";
import { notFound, Problem } from "#core/problem.ts";
import { reach } from "#features/deployments/objects.ts";
import { deployments } from "#features/deployments/tables.ts";
import { thaw } from "#features/env-vars/thaw.ts";
import { systemVariables } from "#features/functions/system.ts";
import { blobKey } from "#features/sites/site.ts";
import type { Caller } from "./caller.ts";
import { heard } from "./denied.ts";

/** @throws Problem `not_found` when the region is not to run it. */
export async function material(caller: Caller, id: string): Promise<WorkloadMaterial> {
  const { base, stub, credential } = caller;
  const { item } = heard(await reach(async () => await stub.workload(credential, id)));
  if (!item) throw notFound("workload");
  const { team, project, deployment, generation } = item;
  const [object, own, [row]] = await Promise.all([
    base.blobs.get(workloadKey(team, item.spec)),
    thaw(base.blobs, base.edgeKeys, { team, digest: item.env }),
    base.db
      .select()
      .from(deployments)
      .where(and(eq(deployments.id, deployment), eq(deployments.teamId, team))),
  ]);
  if (!object || !row) {
    throw new Problem("not_found", `The platform no longer has what ${id} is made of.`, {
      fix: "Deploy it again.",
    });
  }
  const about = { deployment, project, url: row.hostname, target: row.target, branch: row.branch };
  // Its region, and its port, are what the agent alone knows. NODE_ENV would stand above a function's own configuration.
  const { CLOUDIFY_REGION: _, VERCEL_REGION: __, NODE_ENV: ___, ...system } = systemVariables(about);
  const spec = await object.json<WorkloadSpec>();
  return {
    id,
    generation,
    team,
    project,
    deployment,
    spec,
    env: { ...system, ...own.values },
    secrets: own.secrets,
  };
}

/** @throws Problem `not_found`, also when the region has nothing to do with the team. */
export async function blob(caller: Caller, team: string, sha256: string): Promise<Response> {
  const { base, stub, credential } = caller;
  const { isAllowed } = heard(await reach(async () => await stub.mayRead(credential, team)));
  const object = isAllowed ? await base.blobs.get(blobKey(team, sha256)) : null;
  if (!object) throw notFound("file");
  const headers = { "content-type": "application/octet-stream", "content-length": String(object.size) };
  return new Response(object.body as unknown as ReadableStream, { headers });
}
