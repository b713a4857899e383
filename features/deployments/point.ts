/** Moving production's pointer, and how it is shown. */
import { and, eq } from "drizzle-orm";
import { addressOf, type Ctx } from "#core/ctx.ts";
import { Problem } from "#core/problem.ts";
import { hosts } from "#features/hosts/tables.ts";
import type { Pointer, PointerEvent, PointerStep } from "#features/pointers/machine.ts";
import { stageEnds } from "#features/pointers/rolling.ts";
import type { By } from "#features/pointers/rpc.ts";
import { pin, unpin } from "./hold.ts";
import { tellPointer } from "./objects.ts";
import type { DeploymentRow } from "./show.ts";

/** @param row Named by the caller; what the pointer itself remembers can't be removed without its knowing. */
export async function point(
  ctx: Ctx,
  project: string,
  row: DeploymentRow | null,
  event: PointerEvent,
  by: By,
) {
  const pinned = row && (await pin(ctx, row.id));
  const step = await tellPointer(ctx, project, "production", event, by);
  if (row && pinned !== null) ctx.keepAlive(unpin(ctx, row.id, pinned).catch(() => undefined));
  if (!step.ok) throw refused(step.reason);
  return shapePointer(ctx, project, step.state);
}

/** Production's pointer as callers see it. */
export async function shapePointer(ctx: Ctx, project: string, { epoch, held, live, canary }: Pointer) {
  const [host] = await ctx.db
    .select()
    .from(hosts)
    .where(and(eq(hosts.projectId, project), eq(hosts.ref, "production")));
  return {
    projectId: project,
    target: "production",
    epoch,
    held,
    live: live?.deployment ?? null,
    canary: canary ? { deploymentId: canary.release.deployment, percent: canary.percent } : null,
    rolling: canary?.rolling ? { ...canary.rolling, nextAt: stageEnds(canary.rolling) } : null,
    url: host ? addressOf(ctx, host.hostname) : "",
  };
}

function refused(reason: Extract<PointerStep, { ok: false }>["reason"]): Problem {
  switch (reason) {
    case "stale-epoch":
      return new Problem("conflict", "Production was changed meanwhile.", {
        fix: "Look at what it serves now, then decide again.",
      });
    case "nothing-before":
      return new Problem("illegal_transition", "There is nothing before it to go back to.", {
        fix: "Name a ready deployment, or promote one.",
      });
    case "no-canary":
      return new Problem("illegal_transition", "No rollout of it is under way.", {
        fix: "Name the deployment that a share of the visitors should get.",
      });
    case "no-stages":
      return new Problem("illegal_transition", "What is being rolled out has no stages.", {
        fix: "Say the share that it is to have: `cloudify rollout PERCENT`.",
      });
    case "live":
      return new Problem("illegal_transition", "Everybody gets this deployment already.", {
        fix: "Name another deployment, or go back with a rollback.",
      });
  }
}
