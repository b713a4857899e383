/** What keeps rollouts going when an alarm was lost: a platform alarm gives up after a few failures. */
import { isNotNull, sql } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { wakeAll } from "#core/wake.ts";
import { pointerName } from "./rpc.ts";
import { pointers } from "./tables.ts";

const BATCH = 200;

/** Only those with a rollout have anything to do by themselves. Chance chooses, should there be more than a batch. */
export async function wakePointers(base: Base): Promise<{ failed: number }> {
  const rows = await base.db
    .select({ project: pointers.projectId, target: pointers.target })
    .from(pointers)
    .where(isNotNull(pointers.canaryDeployment))
    .orderBy(sql`random()`)
    .limit(BATCH);
  const { pointers: objects } = base.objects;
  const { failed } = await wakeAll(rows, async ({ project, target }) => {
    await objects.get(objects.idFromName(pointerName(project, target))).wake();
  });
  return { failed };
}
