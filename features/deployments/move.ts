/** Moves that decide what is served, and the end of a deployment. The objects decide; this only asks. */
import { and, eq } from "drizzle-orm";
import { mustChange } from "#core/commit.ts";
import { addressOf, type Ctx } from "#core/ctx.ts";
import { owe, settle } from "#core/outbox.ts";
import { notFound, Problem } from "#core/problem.ts";
import { manifestBlobs } from "#features/blobs/tables.ts";
import { effects } from "#features/effects.ts";
import { hosts } from "#features/hosts/tables.ts";
import type { PointerEvent, PointerStep, Release } from "#features/pointers/machine.ts";
import { type By, pointerName } from "#features/pointers/rpc.ts";
import { pointers } from "#features/pointers/tables.ts";
import { getProject } from "#features/projects/service.ts";
import { get, getRow } from "./read.ts";
import type { DeploymentRow } from "./show.ts";
import { deployments } from "./tables.ts";

export async function cancel(ctx: Ctx, idOrHost: string) {
  const row = await getRow(ctx, idOrHost);
  const stub = ctx.objects.deployments.get(ctx.objects.deployments.idFromName(row.id));
  const sent = await reach(
    async () => await stub.send({ type: "cancel" }, by(ctx, "deployment.cancel", row.id)),
  );
  if (!sent.ok) {
    throw new Problem(
      "illegal_transition",
      "This deployment has finished, or is going live at this moment.",
      {
        fix: "Look at it with `cloudify inspect`; `cloudify rollback` takes it off production.",
      },
    );
  }
  const shown = await get(ctx, row.id);
  const error = sent.state.status === "canceled" ? sent.state.failure : shown.error;
  return { ...shown, state: sent.state.status, error };
}

export async function promote(ctx: Ctx, idOrHost: string, ifEpoch: number | undefined) {
  const row = await getRow(ctx, idOrHost);
  const event: PointerEvent = { type: "promote", release: releaseOf(row), ifEpoch };
  return point(ctx, row.projectId, event, by(ctx, "deployment.promote", row.id));
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
  return point(ctx, id, event, by(ctx, "deployment.rollback", row?.id ?? id));
}

/** Refused while a pointer names it, unless another is named to take its place. */
export async function remove(ctx: Ctx, idOrHost: string, replacement: string | undefined): Promise<void> {
  const row = await getRow(ctx, idOrHost);
  if (row.status === "queued" || row.status === "compiling" || row.status === "releasing") {
    throw new Problem("illegal_transition", "This deployment has not finished yet.", {
      fix: "Cancel it first.",
    });
  }
  const other = replacement === undefined ? null : await getRow(ctx, replacement);
  if (other && other.projectId !== row.projectId) throw notFound("deployment");
  const release = other && releaseOf(other);
  const known = await ctx.db.select().from(pointers).where(eq(pointers.projectId, row.projectId));
  for (const target of new Set([...row.pointerTargets, ...known.map((one) => one.target)])) {
    const step = await send(
      ctx,
      row.projectId,
      target,
      { type: "forget", deployment: row.id, replacement: release },
      null,
    );
    if (!step.ok) {
      throw new Problem("in_use", `${target} serves this deployment.`, {
        fix: "Name another with `--replacement`, or promote another first.",
        extensions: { target },
      });
    }
  }
  const owed = owe(ctx, "deployment.purge", { deployment: row.id, hostname: row.hostname });
  await ctx.commit(
    {
      action: "deployment.remove",
      target: row.id,
      detail: { project: row.projectId, replacement: other?.id ?? null },
    },
    ctx.db.delete(deployments).where(eq(deployments.id, row.id)),
    mustChange(ctx.db),
    ctx.db.delete(hosts).where(eq(hosts.hostname, row.hostname)),
    ctx.db.delete(manifestBlobs).where(eq(manifestBlobs.deploymentId, row.id)),
    owed.write,
  );
  await settle(ctx, effects, [owed]);
}

function releaseOf(row: DeploymentRow): Release {
  if (row.status !== "ready" || row.site === null) {
    throw new Problem("illegal_transition", `This deployment is not ready: it is ${row.status}.`, {
      fix: row.status === "error" || row.status === "canceled" ? "Redeploy it." : "Wait until it is ready.",
    });
  }
  return { deployment: row.id, site: row.site, createdAt: row.createdAt };
}

async function point(ctx: Ctx, project: string, event: PointerEvent, who: By) {
  const step = await send(ctx, project, "production", event, who);
  if (!step.ok) {
    if (step.reason === "stale-epoch") {
      throw new Problem("conflict", "Production was changed meanwhile.", {
        fix: "Look at what it serves now, then decide again.",
      });
    }
    throw new Problem("illegal_transition", "There is nothing before it to go back to.", {
      fix: "Name a ready deployment, or promote one.",
    });
  }
  const { state } = step;
  const [host] = await ctx.db
    .select()
    .from(hosts)
    .where(and(eq(hosts.projectId, project), eq(hosts.ref, "production")));
  const url = host ? addressOf(ctx, host.hostname) : "";
  const { epoch, held, live } = state;
  return { projectId: project, target: "production", epoch, held, live: live?.deployment ?? null, url };
}

function send(
  ctx: Ctx,
  project: string,
  target: string,
  event: PointerEvent,
  who: By | null,
): Promise<PointerStep> {
  const stub = ctx.objects.pointers.get(ctx.objects.pointers.idFromName(pointerName(project, target)));
  return reach(async () => await stub.send({ team: ctx.team, project, target }, event, who));
}

const by = (ctx: Ctx, action: string, target: string): By => ({
  actor: { type: ctx.actor.type, id: ctx.actor.id },
  requestId: ctx.requestId,
  audit: { action, target },
});

/** Objects that can't be asked are one clear error, not a stack. */
async function reach<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new Problem("unavailable", "What coordinates deployments does not answer; nothing was changed.", {
      fix: "Try again in a moment. What is deployed goes on being served.",
      cause,
    });
  }
}
