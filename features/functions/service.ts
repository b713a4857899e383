/** Functions as callers see them: their projects, with the versions that visitors get. */
import { and, asc, eq, gt, inArray, max } from "drizzle-orm";
import { addressOf, type Ctx } from "#core/ctx.ts";
import { fromCursor, toPageById } from "#core/page.ts";
import { notFound, Problem } from "#core/problem.ts";
import { isOneOf } from "#core/sql.ts";
import { deployments } from "#features/deployments/tables.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointers } from "#features/pointers/tables.ts";
import { getProject, type ProjectRow, remove as removeProject } from "#features/projects/service.ts";
import { projects } from "#features/projects/tables.ts";
import { healthKey } from "./health.ts";

/** The output's name of the one function. */
const NAME = "index";

/** @throws Problem `not_found`, also for a project that is a site. */
export async function get(ctx: Ctx, idOrName: string) {
  const [shown] = await show(ctx, [await getRow(ctx, idOrName)]);
  if (!shown) throw notFound("function");
  return shown;
}

export async function list(ctx: Ctx, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const after = fromCursor(cursor);
  const rows = await ctx.db
    .select()
    .from(projects)
    .where(
      and(
        eq(projects.teamId, ctx.team),
        eq(projects.kind, "function"),
        after === null ? undefined : gt(projects.id, after),
      ),
    )
    .orderBy(asc(projects.id))
    .limit(limit + 1);
  return toPageById(rows, limit, (shown) => show(ctx, shown));
}

export async function remove(ctx: Ctx, idOrName: string): Promise<void> {
  await removeProject(ctx, (await getRow(ctx, idOrName)).id);
}

async function getRow(ctx: Ctx, idOrName: string): Promise<ProjectRow> {
  const row = await getProject(ctx, idOrName).catch((error: unknown) => {
    if (error instanceof Problem && error.code === "not_found") return null;
    throw error;
  });
  if (row?.kind !== "function") throw notFound("function");
  return row;
}

async function show(ctx: Ctx, rows: readonly ProjectRow[]) {
  const ids = rows.map((row) => row.id);
  const ofProduction = and(isOneOf(hosts.projectId, ids), eq(hosts.ref, "production"));
  const newestOf = ctx.db
    .select({ id: max(deployments.id) })
    .from(deployments)
    .where(and(isOneOf(deployments.projectId, ids), eq(deployments.target, "production")))
    .groupBy(deployments.projectId);
  const [named, served, newest, noted] = await Promise.all([
    ctx.db.select().from(hosts).where(ofProduction),
    ctx.db
      .select()
      .from(pointers)
      .where(and(isOneOf(pointers.projectId, ids), eq(pointers.target, "production"))),
    ctx.db.select().from(deployments).where(inArray(deployments.id, newestOf)),
    Promise.all(ids.map((id) => ctx.snapshots.get(healthKey(id, NAME)))),
  ]);
  return rows.flatMap((row, i) => {
    const last = newest.find((one) => one.projectId === row.id);
    // A function is made with its first version; without one it is being removed.
    if (!last) return [];
    const host = named.find((one) => one.projectId === row.id);
    const pointer = served.find((one) => one.projectId === row.id);
    const { canaryDeployment, canaryPercent } = pointer ?? {};
    const { errorCode: code, errorDetail, errorFix } = last;
    const error = code === null ? null : { code, detail: errorDetail ?? "", fix: errorFix ?? "" };
    return {
      id: row.id,
      name: row.name,
      teamId: row.teamId,
      url: host ? addressOf(ctx, host.hostname) : "",
      live: pointer?.liveDeployment ?? null,
      canary:
        canaryDeployment && canaryPercent ? { deploymentId: canaryDeployment, percent: canaryPercent } : null,
      held: pointer?.held ?? false,
      newest: { deploymentId: last.id, state: last.status, error, url: addressOf(ctx, last.hostname) },
      unresponsiveAt: noted[i] ? Number(noted[i]) : null,
      createdAt: row.createdAt,
      updatedAt: last.updatedAt,
    };
  });
}
