/** Finding deployments: always inside the caller's team. */
import { and, desc, eq, lt, or } from "drizzle-orm";
import type { Ctx } from "#core/ctx.ts";
import { fromCursor, toPageById } from "#core/page.ts";
import { notFound } from "#core/problem.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointers } from "#features/pointers/tables.ts";
import { getProject } from "#features/projects/service.ts";
import { projects } from "#features/projects/tables.ts";
import type { RegionAnswer } from "./rpc.ts";
import { type DeploymentRow, show } from "./show.ts";
import { type DeploymentStatus, deployments } from "./tables.ts";

/**
 * @param idOrHost An id, an immutable host, or a pointer's host, which stands for what it serves now. A whole URL is
 *   taken as its host.
 * @throws Problem `not_found`, also when it is another team's.
 */
export async function getRow(ctx: Ctx, idOrHost: string): Promise<DeploymentRow> {
  const ofTeam = eq(deployments.teamId, ctx.team);
  const host = idOrHost
    .replace(/^https?:\/\//, "")
    .replace(/[/:].*$/, "")
    .toLowerCase();
  const [direct] = await ctx.db
    .select()
    .from(deployments)
    .innerJoin(projects, eq(projects.id, deployments.projectId))
    .where(and(ofTeam, or(eq(deployments.id, idOrHost), eq(deployments.hostname, host))));
  if (direct) return direct.deployments;
  const [pointed] = await ctx.db
    .select()
    .from(hosts)
    .innerJoin(pointers, and(eq(pointers.projectId, hosts.projectId), eq(pointers.target, hosts.ref)))
    .innerJoin(deployments, eq(deployments.id, pointers.liveDeployment))
    .where(and(ofTeam, eq(hosts.hostname, host), eq(hosts.kind, "pointer")));
  if (!pointed) throw notFound("deployment");
  return pointed.deployments;
}

export async function get(ctx: Ctx, idOrHost: string) {
  const row = await getRow(ctx, idOrHost);
  const [[shown], regions] = await Promise.all([show(ctx, [row]), regionsOf(ctx, row)]);
  if (!shown) throw notFound("deployment");
  return { ...shown, regions };
}

/** Nothing, when its object can't be asked: what is written down of it is shown all the same. */
async function regionsOf(ctx: Ctx, { id, status }: DeploymentRow): Promise<RegionAnswer[]> {
  if (status !== "releasing" && status !== "ready") return [];
  const stub = ctx.objects.deployments.get(ctx.objects.deployments.idFromName(id));
  try {
    return await stub.regions();
  } catch {
    return [];
  }
}

interface ListInput {
  limit: number;
  cursor?: string | undefined;
  target?: string | undefined;
  state?: DeploymentStatus | undefined;
  branch?: string | undefined;
}

export async function list(ctx: Ctx, project: string, { limit, cursor, target, state, branch }: ListInput) {
  const { id } = await getProject(ctx, project);
  const before = fromCursor(cursor);
  const rows = await ctx.db
    .select()
    .from(deployments)
    .where(
      and(
        eq(deployments.projectId, id),
        before === null ? undefined : lt(deployments.id, before),
        target === undefined ? undefined : eq(deployments.target, target),
        state === undefined ? undefined : eq(deployments.status, state),
        branch === undefined ? undefined : eq(deployments.branch, branch),
      ),
    )
    .orderBy(desc(deployments.id))
    .limit(limit + 1);
  return toPageById(rows, limit, (shown) => show(ctx, shown));
}
