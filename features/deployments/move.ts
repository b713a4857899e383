/** Moves that decide what is built and served. */
import { and, eq } from "drizzle-orm";
import { addressOf, type Ctx } from "#core/ctx.ts";
import { notFound, Problem } from "#core/problem.ts";
import { hosts } from "#features/hosts/tables.ts";
import type { PointerEvent, PointerStep } from "#features/pointers/machine.ts";
import type { By } from "#features/pointers/rpc.ts";
import { getProject } from "#features/projects/service.ts";
import { pin, unpin } from "./hold.ts";
import { byOf, releaseOf, tellDeployment, tellPointer } from "./objects.ts";
import { get, getRow } from "./read.ts";
import type { DeploymentRow } from "./show.ts";
import { startDeployment } from "./start.ts";

export async function cancel(ctx: Ctx, idOrHost: string) {
  const row = await getRow(ctx, idOrHost);
  const by = byOf(ctx, "deployment.cancel", row.id);
  let sent = await tellDeployment(ctx, row.id, { type: "cancel" }, by);
  if (!sent.ok && sent.reason === "unknown") {
    // Created, and not begun yet: its object learns of it here, so that it ends for good.
    await startDeployment(ctx, row.id);
    sent = await tellDeployment(ctx, row.id, { type: "cancel" }, by);
  }
  if (!sent.ok) {
    const detail = "This deployment has finished, or is going live at this moment.";
    throw new Problem("illegal_transition", detail, {
      fix: "Look at it with `cloudify inspect`; `cloudify rollback` takes it off production.",
    });
  }
  const shown = await get(ctx, row.id);
  const error = sent.state.status === "canceled" ? sent.state.failure : shown.error;
  return { ...shown, state: sent.state.status, error };
}

export async function promote(ctx: Ctx, idOrHost: string, ifEpoch: number | undefined) {
  const row = await getRow(ctx, idOrHost);
  const event: PointerEvent = { type: "promote", release: releaseOf(row), ifEpoch };
  return point(ctx, row.projectId, row, event, byOf(ctx, "deployment.promote", row.id));
}

export async function rollback(
  ctx: Ctx,
  project: string,
  deployment: string | undefined,
  ifEpoch: number | undefined,
) {
  const { id } = await getProject(ctx, project);
  const row = deployment === undefined ? null : await getRow(ctx, deployment);
  if (row && row.projectId !== id) throw notFound("deployment");
  const event: PointerEvent = { type: "rollback", release: row && releaseOf(row), ifEpoch };
  return point(ctx, id, row, event, byOf(ctx, "deployment.rollback", row?.id ?? id));
}

/** @param percent From 0, which ends it, to 100, which is a promote. */
export async function rollout(
  ctx: Ctx,
  project: string,
  input: { deploymentId?: string | undefined; percent: number; ifEpoch?: number | undefined },
) {
  const { id } = await getProject(ctx, project);
  const row = input.deploymentId === undefined ? null : await getRow(ctx, input.deploymentId);
  if (row && row.projectId !== id) throw notFound("deployment");
  const { percent, ifEpoch } = input;
  const event: PointerEvent = { type: "rollout", release: row && releaseOf(row), percent, ifEpoch };
  const by = byOf(ctx, "deployment.rollout", row?.id ?? id);
  return point(ctx, id, row, event, { ...by, audit: { ...by.audit, detail: { percent } } });
}

/** @param row Named by the caller; what the pointer itself remembers can't be removed without its knowing. */
async function point(ctx: Ctx, project: string, row: DeploymentRow | null, event: PointerEvent, by: By) {
  const pinned = row && (await pin(ctx, row.id));
  const step = await tellPointer(ctx, project, "production", event, by);
  if (row && pinned !== null) ctx.keepAlive(unpin(ctx, row.id, pinned).catch(() => undefined));
  if (!step.ok) throw refused(step.reason);
  const [host] = await ctx.db
    .select()
    .from(hosts)
    .where(and(eq(hosts.projectId, project), eq(hosts.ref, "production")));
  const url = host ? addressOf(ctx, host.hostname) : "";
  const { epoch, held, live, canary } = step.state;
  return {
    projectId: project,
    target: "production",
    epoch,
    held,
    live: live?.deployment ?? null,
    canary: canary ? { deploymentId: canary.release.deployment, percent: canary.percent } : null,
    url,
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
    case "live":
      return new Problem("illegal_transition", "Everybody gets this deployment already.", {
        fix: "Name another deployment, or go back with a rollback.",
      });
  }
}
