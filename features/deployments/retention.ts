/**
 * Removes old deployments by itself. What a pointer serves always stays, and so do the last of each project; see
 * docs/limits.md for the promise.
 */
import { eq } from "drizzle-orm";
import { makeCommit } from "#core/commit.ts";
import type { Base, Ctx } from "#core/ctx.ts";
import { type Id, newId } from "#core/ids.ts";
import { Problem } from "#core/problem.ts";
import { DAY } from "#core/time.ts";
import { pointerName } from "#features/pointers/rpc.ts";
import { removeRow } from "./remove.ts";
import { deployments } from "./tables.ts";

/** Ready production deployments: so many stay whatever their age, and all that are younger. */
export const KEPT_PRODUCTION = 5;
export const PRODUCTION_MS = 90 * DAY;
/** Previews, and whatever failed or was canceled. */
export const KEPT_OTHERS = 20;
export const OTHERS_MS = 30 * DAY;
const BATCH = 50;

interface Candidate {
  id: string;
  projectId: string;
}

export async function retire(base: Base): Promise<{ removed: number; kept: number }> {
  const now = base.clock.now();
  const { results } = await base.d1
    .prepare(
      `select id, project_id as projectId from (
         select d.id, d.project_id, d.status, d.created_at, d.target = 'production' and d.status = 'ready' as production,
           row_number() over (partition by d.project_id, d.target = 'production' and d.status = 'ready'
             order by d.id desc) as rank
         from deployments d)
       where status in ('ready', 'error', 'canceled')
         and case when production then rank > ?1 and created_at < ?2 else rank > ?3 and created_at < ?4 end
         and not exists (select 1 from pointers p where p.project_id = projectId and id in (p.live_deployment, p.canary_deployment))
       order by random() limit ?5`,
    )
    .bind(KEPT_PRODUCTION, now - PRODUCTION_MS, KEPT_OTHERS, now - OTHERS_MS, BATCH)
    .all<Candidate>();
  const counts = { removed: 0, kept: 0 };
  for (const candidate of results) counts[(await retireOne(base, candidate)) ? "removed" : "kept"]++;
  return counts;
}

async function retireOne(base: Base, { id, projectId }: Candidate): Promise<boolean> {
  if (await isRollbackTarget(base, projectId, id)) return false;
  const [row] = await base.db.select().from(deployments).where(eq(deployments.id, id));
  if (!row) return false;
  try {
    await removeRow(systemCtx(base, row.teamId), row, null);
    return true;
  } catch (error) {
    if (error instanceof Problem && (error.code === "in_use" || error.code === "conflict")) return false;
    throw error;
  }
}

/** What production served before may be gone back to by a rollback that names nothing. */
async function isRollbackTarget(base: Base, project: string, id: string): Promise<boolean> {
  const name = pointerName(project, "production");
  const pointer = await base.objects.pointers.get(base.objects.pointers.idFromName(name)).read();
  return pointer?.previous.some((release) => release.deployment === id) ?? false;
}

function systemCtx(base: Base, teamId: string): Ctx {
  const requestId = newId("request", base.clock.now(), base.random);
  const about = {
    team: teamId as Id<"team">,
    actor: { type: "system" as const, id: "retention" },
    requestId,
  };
  return { ...base, ...about, commit: makeCommit({ ...base, ...about }) };
}
