/** Asking the objects that coordinate deployments. They decide; this only asks, and says so when none answers. */
import type { Ctx } from "#core/ctx.ts";
import { Problem } from "#core/problem.ts";
import type { PointerEvent, PointerStep, Release } from "#features/pointers/machine.ts";
import { type By, pointerName } from "#features/pointers/rpc.ts";
import type { Sent } from "./rpc.ts";
import type { DeploymentRow } from "./show.ts";
import type { Input } from "./state.ts";

/** @throws Problem `unavailable` */
export function tellDeployment(ctx: Ctx, id: string, input: Input, by: By): Promise<Sent> {
  const stub = ctx.objects.deployments.get(ctx.objects.deployments.idFromName(id));
  return reach(async () => await stub.send(input, by));
}

/** @param by `null` for what is no request of its own. @throws Problem `unavailable` */
export function tellPointer(
  ctx: Ctx,
  project: string,
  target: string,
  event: PointerEvent,
  by: By | null,
): Promise<PointerStep> {
  const stub = ctx.objects.pointers.get(ctx.objects.pointers.idFromName(pointerName(project, target)));
  return reach(async () => await stub.send({ team: ctx.team, project, target }, event, by));
}

/** The entry that the object stores together with the change. */
export const byOf = (ctx: Ctx, action: string, target: string): By => ({
  actor: { type: ctx.actor.type, id: ctx.actor.id },
  requestId: ctx.requestId,
  audit: { action, target },
});

/** @throws Problem `illegal_transition` unless it is ready. */
export function releaseOf(row: DeploymentRow): Release {
  if (row.status !== "ready" || row.site === null) {
    throw new Problem("illegal_transition", `This deployment is not ready: it is ${row.status}.`, {
      fix: row.status === "error" || row.status === "canceled" ? "Redeploy it." : "Wait until it is ready.",
    });
  }
  return { deployment: row.id, site: row.site, createdAt: row.createdAt };
}

/** One clear error, not a stack. @throws Problem `unavailable` */
export async function reach<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new Problem("unavailable", "What coordinates deployments does not answer; nothing was changed.", {
      fix: "Try again in a moment. What is deployed goes on being served.",
      cause,
    });
  }
}
