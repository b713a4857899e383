/**
 * Keeps apart a pointer's move to a deployment and that deployment's removal, which would meet nowhere else: a pin and a
 * removal are leases on its row, either refuses the other, and both end by themselves when their holder is lost.
 */
import { and, eq, lt, sql } from "drizzle-orm";
import type { Ctx } from "#core/ctx.ts";
import { notFound, Problem } from "#core/problem.ts";
import { MINUTE, type Millis } from "#core/time.ts";
import { deployments } from "./tables.ts";

const HOLD_MS = MINUTE;

/** @returns Names the pin for {@link unpin}. @throws Problem `not_found` when it is being removed, or gone. */
export async function pin(ctx: Ctx, id: string): Promise<Millis> {
  const now = ctx.clock.now();
  const until = now + HOLD_MS;
  const pinned = await ctx.db
    .update(deployments)
    .set({ pinnedUntil: sql`max(${deployments.pinnedUntil}, ${until})` })
    .where(and(mine(ctx, id), lt(deployments.removingUntil, now)))
    .returning({ id: deployments.id });
  if (pinned.length === 0) throw notFound("deployment");
  return until;
}

/** Ends a pin early, unless somebody pinned it again. */
export async function unpin(ctx: Ctx, id: string, until: Millis): Promise<void> {
  await ctx.db
    .update(deployments)
    .set({ pinnedUntil: 0 })
    .where(and(mine(ctx, id), eq(deployments.pinnedUntil, until)));
}

/** @returns Names the removal; the final delete compares with it. @throws Problem `in_use` */
export async function beginRemoval(ctx: Ctx, id: string): Promise<Millis> {
  const now = ctx.clock.now();
  const until = now + HOLD_MS;
  const begun = await ctx.db
    .update(deployments)
    .set({ removingUntil: until })
    .where(and(mine(ctx, id), lt(deployments.pinnedUntil, now), lt(deployments.removingUntil, now)))
    .returning({ id: deployments.id });
  if (begun.length > 0) return until;
  throw new Problem("in_use", "It is being promoted or removed at this moment.", {
    fix: "Look at it again in a moment.",
  });
}

export async function giveUpRemoval(ctx: Ctx, id: string, until: Millis): Promise<void> {
  await ctx.db
    .update(deployments)
    .set({ removingUntil: 0 })
    .where(and(mine(ctx, id), eq(deployments.removingUntil, until)));
}

const mine = (ctx: Ctx, id: string) => and(eq(deployments.id, id), eq(deployments.teamId, ctx.team));
