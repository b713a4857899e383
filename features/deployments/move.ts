/** Moves that decide what is built and served. */
import type { Ctx } from "#core/ctx.ts";
import { notFound, Problem } from "#core/problem.ts";
import type { PointerEvent } from "#features/pointers/machine.ts";
import { getProject } from "#features/projects/service.ts";
import { type Given, planOf } from "#features/rollouts/plan.ts";
import { byOf, releaseOf, tellDeployment } from "./objects.ts";
import { point } from "./point.ts";
import { get, getRow } from "./read.ts";
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

/** By stages, if the caller or the project's settings give any. */
export async function promote(
  ctx: Ctx,
  idOrHost: string,
  { ifEpoch, ...given }: Given & { ifEpoch?: number | undefined },
) {
  const row = await getRow(ctx, idOrHost);
  const { settings } = await getProject(ctx, row.projectId);
  const plan = planOf(given, settings.rollingRelease ?? null);
  const staged = plan ? { plan: { ...plan, isDefault: given.stages === undefined } } : {};
  const event: PointerEvent = { type: "promote", release: releaseOf(row), ifEpoch, ...staged };
  const by = byOf(ctx, "deployment.promote", row.id);
  const detail = plan ? { detail: { stages: plan.stages, guard: plan.guard } } : {};
  return point(ctx, row.projectId, row, event, { ...by, audit: { ...by.audit, ...detail } });
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
