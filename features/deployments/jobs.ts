/** What keeps deployments from being forgotten, and what forgets the old ones. */
import { and, inArray, lt } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { owe, settle } from "#core/outbox.ts";
import { DAY, MINUTE } from "#core/time.ts";
import { effects } from "#features/effects.ts";
import { startDeployment } from "./start.ts";
import { deployments } from "./tables.ts";

const STALE_MS = 2 * MINUTE;
const BATCH = 100;
/** A deployment older than this goes, unless it is one of those that are kept. */
const RETENTION_MS = 90 * DAY;
/** Of each project's ready production deployments the newest stay, whatever their age. */
const KEPT_PRODUCTION = 5;

/** Wakes the objects of deployments that have not moved for a while: a platform alarm gives up after a few failures. */
export async function wakeOrphans(base: Base): Promise<{ woken: number }> {
  const before = base.clock.now() - STALE_MS;
  const rows = await base.db
    .select()
    .from(deployments)
    .where(
      and(
        inArray(deployments.status, ["queued", "compiling", "releasing"]),
        lt(deployments.updatedAt, before),
      ),
    )
    .limit(BATCH);
  for (const row of rows) {
    await startDeployment(base, { deployment: row.id });
    const stub = base.objects.deployments.get(base.objects.deployments.idFromName(row.id));
    await stub.wake();
  }
  return { woken: rows.length };
}

/** Removes what is old, not live, and not one of a project's last production deployments. */
export async function retire(base: Base): Promise<{ removed: number }> {
  const { results } = await base.d1
    .prepare(
      `select id, hostname from (
         select d.id, d.hostname, d.status, d.created_at, row_number() over (
           partition by d.project_id, d.target = 'production' and d.status = 'ready' order by d.id desc) as rank,
           d.target = 'production' and d.status = 'ready' as counts
         from deployments d where not exists (select 1 from pointers p where p.live_deployment = d.id))
       where created_at < ?1 and status in ('ready', 'error', 'canceled') and not (counts and rank <= ?2) limit ?3`,
    )
    .bind(base.clock.now() - RETENTION_MS, KEPT_PRODUCTION, BATCH)
    .all<{ id: string; hostname: string }>();
  const owed = results.map(({ id, hostname }) => owe(base, "deployment.purge", { deployment: id, hostname }));
  const [first, ...rest] = owed.map((one) => one.write);
  if (first) await base.db.batch([first, ...rest]);
  await settle(base, effects, owed);
  return { removed: results.length };
}
