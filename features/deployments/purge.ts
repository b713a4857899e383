/** Clears what a removed deployment leaves behind; its rows may be gone already. */
import { eq } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { manifestBlobs } from "#features/blobs/tables.ts";
import { copyHost } from "#features/hosts/service.ts";
import { hosts } from "#features/hosts/tables.ts";
import { deploymentKey } from "./served.ts";
import { deployments } from "./tables.ts";

export async function purgeDeployment(base: Base, payload: Record<string, string>): Promise<void> {
  const { deployment = "", hostname = "" } = payload;
  await base.db.delete(hosts).where(eq(hosts.hostname, hostname));
  await copyHost(base, { hostname });
  await base.snapshots.delete(deploymentKey(deployment));
  await base.objects.deployments.get(base.objects.deployments.idFromName(deployment)).remove();
  await base.objects.logs.get(base.objects.logs.idFromName(deployment)).remove(deployment);
  await base.db.delete(manifestBlobs).where(eq(manifestBlobs.deploymentId, deployment));
  await base.db.delete(deployments).where(eq(deployments.id, deployment));
}
