/** What keeps deployments from being forgotten: those that should move, and do not. */
import { and, inArray, lt, sql } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { MINUTE } from "#core/time.ts";
import { wakeAll } from "#core/wake.ts";
import { startDeployment } from "./start.ts";
import { deployments, UNFINISHED } from "./tables.ts";

const STALE_MS = 2 * MINUTE;
const BATCH = 100;

/**
 * Wakes the objects of deployments that have not moved for a while: a platform alarm gives up after a few failures.
 * Chance chooses which first, so that a hundred that can't be woken do not stand before the rest for ever.
 */
export async function wakeOrphans(base: Base): Promise<{ woken: number; failed: number }> {
  const before = base.clock.now() - STALE_MS;
  const rows = await base.db
    .select({ id: deployments.id })
    .from(deployments)
    .where(and(inArray(deployments.status, [...UNFINISHED]), lt(deployments.updatedAt, before)))
    .orderBy(sql`random()`)
    .limit(BATCH);
  return wakeAll(rows, ({ id }) => wake(base, id));
}

async function wake(base: Base, deployment: string): Promise<void> {
  await startDeployment(base, deployment);
  await base.objects.deployments.get(base.objects.deployments.idFromName(deployment)).wake();
}
