/** What keeps regions telling deployments of builds when an alarm was lost: one of the platform gives up after a few failures. */
import { isNull, sql } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { wakeAll } from "#core/wake.ts";
import { stubOf } from "./show.ts";
import { regions } from "./tables.ts";

const BATCH = 200;

/** Chance chooses, should there be more than a batch. */
export async function wakeRegions(base: Base): Promise<{ failed: number }> {
  const rows = await base.db
    .select({ id: regions.id })
    .from(regions)
    .where(isNull(regions.removedAt))
    .orderBy(sql`random()`)
    .limit(BATCH);
  const { failed } = await wakeAll(rows, async ({ id }) => {
    await stubOf(base, id).wake();
  });
  return { failed };
}
