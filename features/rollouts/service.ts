/** How a rollout does, and moving it. */
import type { Ctx } from "#core/ctx.ts";
import { byOf, reach } from "#features/deployments/objects.ts";
import { point, shapePointer } from "#features/deployments/point.ts";
import { emptyPointer } from "#features/pointers/machine.ts";
import { pointerName } from "#features/pointers/rpc.ts";
import type { Ended } from "#features/pointers/story.ts";
import { getProject } from "#features/projects/service.ts";

export async function get(ctx: Ctx, project: string) {
  const { id } = await getProject(ctx, project);
  const stub = ctx.objects.pointers.get(ctx.objects.pointers.idFromName(pointerName(id, "production")));
  const watched = await reach(async () => await stub.watch());
  const shown = await shapePointer(ctx, id, watched?.pointer ?? emptyPointer(ctx.team, ctx.clock.now()));
  const { figures = null, verdict = null, last = null } = watched ?? {};
  return { ...shown, figures, verdict, last: last && shapeEnd(last) };
}

export async function advance(ctx: Ctx, project: string, ifEpoch: number | undefined) {
  const { id } = await getProject(ctx, project);
  return point(ctx, id, null, { type: "advance", ifEpoch }, byOf(ctx, "deployment.rollout-advance", id));
}

export async function abort(ctx: Ctx, project: string, ifEpoch: number | undefined) {
  const { id } = await getProject(ctx, project);
  return point(ctx, id, null, { type: "abort", ifEpoch }, byOf(ctx, "deployment.rollout-abort", id));
}

const shapeEnd = ({ deployment, ...about }: Ended) => ({ deploymentId: deployment, ...about });
