/** Begins a deployment's life in its object, from the row that the create wrote. */
import { eq } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { copyHosts } from "#features/hosts/service.ts";
import type { Placement } from "./placement.ts";
import { deployments } from "./tables.ts";

/** What a create owes. `hosts`: the hostnames that it made, with spaces between. */
export async function beginDeployment(
  base: Base,
  { deployment = "", hosts = "" }: Record<string, string>,
): Promise<void> {
  await Promise.all([copyHosts(base, hosts.split(" ")), startDeployment(base, deployment)]);
}

/** Harmless when it has begun, or is gone. */
export async function startDeployment(base: Base, deployment: string): Promise<void> {
  const [row] = await base.db.select().from(deployments).where(eq(deployments.id, deployment));
  if (!row) return;
  const {
    id,
    teamId: team,
    projectId: project,
    target,
    branch,
    pointerTargets,
    percent,
    rolling,
    manifest,
    source,
    placement,
    buildLog,
    envDigest: env,
    hostname,
    createdAt,
  } = row;
  const stub = base.objects.deployments.get(base.objects.deployments.idFromName(id));
  const about = { target, branch, pointerTargets, percent, rolling, buildLog, env, hostname, createdAt };
  const made = { source, manifest: source ? null : manifest };
  await stub.start({ id, team, project, ...about, ...made, ...(placement ?? NOWHERE) });
}

const NOWHERE: Placement = { regions: [], policy: "any" };
