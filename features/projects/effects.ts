/** What a change of a project owes to the edge, and what its removal owes to everyone. */
import { eq } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { purgeDeployment } from "#features/deployments/purge.ts";
import { deployments } from "#features/deployments/tables.ts";
import { copyHost } from "#features/hosts/service.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointerKey, pointerName } from "#features/pointers/rpc.ts";
import { pointers } from "#features/pointers/tables.ts";
import { type Policy, policyKey } from "./policy.ts";
import { projects } from "./tables.ts";

const BATCH = 50;

export async function copyPolicy(base: Base, { project = "" }: Record<string, string>): Promise<void> {
  const [row] = await base.db.select().from(projects).where(eq(projects.id, project));
  if (!row) return base.snapshots.delete(policyKey(project));
  const { settingsVersion: version, settings } = row;
  // What was written before there was the setting lacks it.
  const affinity = settings.affinity ?? null;
  const policy: Policy = { v: 1, version, protection: "public", ...(affinity ? { affinity } : {}) };
  await base.snapshots.put(policyKey(project), JSON.stringify(policy));
}

/** In an order in which nothing is served that is gone already; each step finds what is left of the one before. */
export async function purgeProject(base: Base, { project = "" }: Record<string, string>): Promise<void> {
  const named = await base.db
    .delete(hosts)
    .where(eq(hosts.projectId, project))
    .returning({ hostname: hosts.hostname });
  await Promise.all(named.map((host) => copyHost(base, host)));
  for (;;) {
    const rows = await base.db
      .select()
      .from(deployments)
      .where(eq(deployments.projectId, project))
      .limit(BATCH);
    if (rows.length === 0) break;
    await Promise.all(
      rows.map((row) => purgeDeployment(base, { deployment: row.id, hostname: row.hostname })),
    );
  }
  const targets = await base.db.select().from(pointers).where(eq(pointers.projectId, project));
  for (const { target } of targets) {
    const stub = base.objects.pointers.get(base.objects.pointers.idFromName(pointerName(project, target)));
    await stub.remove();
    await base.snapshots.delete(pointerKey(project, target));
  }
  await base.db.delete(pointers).where(eq(pointers.projectId, project));
  await base.objects.traffic.get(base.objects.traffic.idFromName(project)).remove();
  await copyPolicy(base, { project });
}
