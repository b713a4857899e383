/**
 * `Idempotency-Key`: the same POST sent again answers what the first answered, for a day. The first inserts a row before
 * it acts, so of two at once one waits for the other's answer by trying again. Answers are sealed, since one may hold a
 * token's secret.
 */
import { and, eq, isNull, lt } from "drizzle-orm";
import type { Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { Problem } from "#core/problem.ts";
import { open, seal } from "#core/seal.ts";
import { MINUTE } from "#core/time.ts";
import { idempotency } from "./tables.ts";

/** A first request that has not answered after this was cut off; the next may take over. */
const PENDING_MS = 2 * MINUTE;

export async function once(
  ctx: Ctx,
  key: string,
  request: string,
  act: () => Promise<Response>,
): Promise<Response> {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Problem("invalid_input", "An Idempotency-Key has 1 to 255 visible ASCII characters.", {
      fix: "Send a UUID, for instance.",
    });
  }
  const fingerprint = await sha256(request);
  const mine = and(eq(idempotency.teamId, ctx.team), eq(idempotency.key, key));
  const now = ctx.clock.now();
  await ctx.db
    .delete(idempotency)
    .where(and(mine, isNull(idempotency.status), lt(idempotency.createdAt, now - PENDING_MS)));
  const row = { teamId: ctx.team, key, fingerprint, status: null, body: null, createdAt: now };
  const [taken] = await ctx.db
    .insert(idempotency)
    .values(row)
    .onConflictDoNothing()
    .returning({ key: idempotency.key });
  if (!taken) return replay(ctx, key, fingerprint);
  let response: Response | null = null;
  try {
    response = await act();
    return response;
  } finally {
    if (response && response.status < 500) {
      const body = await seal(
        ctx.keyEncryptionKeys,
        await response.clone().text(),
        boundTo(ctx, key),
        ctx.random,
      );
      await ctx.db.update(idempotency).set({ status: response.status, body }).where(mine);
    } else await ctx.db.delete(idempotency).where(mine);
  }
}

async function replay(ctx: Ctx, key: string, fingerprint: string): Promise<Response> {
  const [row] = await ctx.db
    .select()
    .from(idempotency)
    .where(and(eq(idempotency.teamId, ctx.team), eq(idempotency.key, key)));
  if (row && row.fingerprint !== fingerprint) {
    throw new Problem("idempotency_mismatch", "This Idempotency-Key was used for another request.", {
      fix: "Make a new key for each request; send the same one only to repeat the very same request.",
    });
  }
  if (!row || row.status === null || row.body === null) {
    throw new Problem(
      "idempotency_in_progress",
      "The first request with this Idempotency-Key is under way.",
      {
        fix: "Send it again in a moment; it will answer what the first answered.",
      },
    );
  }
  const text = await open(ctx.keyEncryptionKeys, row.body, boundTo(ctx, key));
  const type = row.status >= 400 ? "application/problem+json" : "application/json";
  return new Response(text === "" ? null : text, {
    status: row.status,
    headers: { "content-type": type, "idempotency-replayed": "true" },
  });
}

const boundTo = (ctx: Ctx, key: string): string => `idempotency:${ctx.team}:${key}`;
