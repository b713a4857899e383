/** The end of a deployment: no pointer names it any more, then its rows go, then what they left behind. */
import { and, eq, or } from "drizzle-orm";
import { mustChange } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { owe, settle } from "#core/outbox.ts";
import { notFound, Problem } from "#core/problem.ts";
import type { Millis } from "#core/time.ts";
import { manifestBlobs } from "#features/blobs/tables.ts";
import { effects } from "#features/effects.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointers } from "#features/pointers/tables.ts";
import { beginRemoval, giveUpRemoval, pin } from "./hold.ts";
import { releaseOf, tellPointer } from "./objects.ts";
import { getRow } from "./read.ts";
import type { DeploymentRow } from "./show.ts";
import { deployments, UNFINISHED } from "./tables.ts";

/** Refused while a pointer names it, unless another is named to take its place. */
export async function remove(ctx: Ctx, idOrHost: string, replacement: string | undefined): Promise<void> {
  const row = await getRow(ctx, idOrHost);
  const other = replacement === undefined ? null : await getRow(ctx, replacement);
  if (other && other.projectId !== row.projectId) throw notFound("deployment");
  await removeRow(ctx, row, other);
}

/** @throws Problem `in_use`, `illegal_transition`, or `unavailable`; it is as it was then. */
export async function removeRow(ctx: Ctx, row: DeploymentRow, other: DeploymentRow | null): Promise<void> {
  if (UNFINISHED.includes(row.status)) {
    throw new Problem("illegal_transition", "This deployment has not finished yet.", {
      fix: "Cancel it first.",
    });
  }
  const until = await beginRemoval(ctx, row.id);
  try {
    await forget(ctx, row, other);
  } catch (error) {
    await giveUpRemoval(ctx, row.id, until);
    throw error;
  }
  await erase(ctx, row, other, until);
}

/** Only these can name it: what it was made for, production, and where it stands in for another. */
async function forget(ctx: Ctx, row: DeploymentRow, other: DeploymentRow | null): Promise<void> {
  const live = await ctx.db
    .select({ target: pointers.target })
    .from(pointers)
    .where(
      and(
        eq(pointers.projectId, row.projectId),
        or(eq(pointers.liveDeployment, row.id), eq(pointers.canaryDeployment, row.id)),
      ),
    );
  if (!other && live[0]) throw inUse(live[0].target);
  const replacement = other && releaseOf(other);
  // Its pin is left to lapse: until then the pointers' projections have caught up, and show where it is live.
  if (other) await pin(ctx, other.id);
  for (const target of new Set([...row.pointerTargets, "production", ...live.map((one) => one.target)])) {
    const event = { type: "forget" as const, deployment: row.id, replacement };
    const step = await tellPointer(ctx, row.projectId, target, event, null);
    if (!step.ok) throw inUse(target);
  }
}

async function erase(ctx: Ctx, row: DeploymentRow, other: DeploymentRow | null, until: Millis) {
  const { id, hostname, projectId } = row;
  const owed = owe(ctx, "deployment.purge", { deployment: id, hostname });
  await ctx.commit(
    {
      action: "deployment.remove",
      target: id,
      detail: { project: projectId, replacement: other?.id ?? null },
    },
    ctx.db.delete(deployments).where(and(eq(deployments.id, id), eq(deployments.removingUntil, until))),
    mustChange(ctx.db),
    ctx.db.delete(hosts).where(eq(hosts.hostname, hostname)),
    ctx.db.delete(manifestBlobs).where(eq(manifestBlobs.deploymentId, id)),
    owed.write,
  );
  await settle(ctx, effects, [owed]);
}

const inUse = (target: string): Problem =>
  new Problem("in_use", `${target} serves this deployment.`, {
    fix: "Name another with `--replacement`, or promote another first.",
    extensions: { target },
  });
