/** Begins a deployment's life in its object, from the row that the create wrote. */
import { eq, sql } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { copyHosts } from "#features/hosts/service.ts";
import { regions } from "#features/regions/tables.ts";
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
  const where = { ...NOWHERE, ...placement };
  const names = await namesOf(base, where.regions);
  await stub.start({ id, team, project, ...about, ...made, ...where, names });
}

async function namesOf({ db }: Base, ids: readonly string[]): Promise<Record<string, string>> {
  if (ids.length === 0) return {};
  const rows = await db.select({ id: regions.id, name: regions.name }).from(regions).where(amongst(ids));
  return Object.fromEntries(rows.map(({ id, name }) => [id, name]));
}

/** As one parameter: D1 takes a hundred. */
const amongst = (ids: readonly string[]) =>
  sql`${regions.id} in (select value from json_each(${JSON.stringify(ids)}))`;

const NOWHERE: Required<Placement> = { regions: [], failover: [], policy: "any" };
