/**
 * `Idempotency-Key`: the same POST sent again with the same token answers what the first answered, for a day. The first
 * inserts a row before it acts, so of two at once one is told to try again. Answers are sealed, since one may hold a
 * token's secret; fingerprints are keyed, since a body may hold a value that could be guessed.
 *
 * An answer that may be another one in a moment is not kept: failures of ours (5xx), what is not there yet (404), what
 * stands in the way (409: missing files, a taken name) and what comes too often (429). Nor is one of more than 100 kB.
 */
import { and, eq, isNull, lt, type SQL } from "drizzle-orm";
import type { Ctx } from "#core/ctx.ts";
import { hmacSha256 } from "#core/encoding.ts";
import { logText } from "#core/log.ts";
import { Problem } from "#core/problem.ts";
import { type KeyRing, keyIdOf, open, seal } from "#core/seal.ts";
import { MINUTE } from "#core/time.ts";
import { idempotency } from "./tables.ts";

/** A first request that has not answered after this was cut off; the next may take over. */
const PENDING_MS = 2 * MINUTE;

/** Characters; a row of D1's takes 2 MB sealed, and what is made answers in far less. */
const MAX_KEPT_LENGTH = 100_000;

const isKept = (status: number): boolean => status < 500 && ![404, 409, 429].includes(status);

/** @param request Method, address and body: what the key stands for. */
export async function once(
  ctx: Ctx,
  key: string,
  request: string,
  act: () => Promise<Response>,
): Promise<Response> {
  // A token's own: another one, which may do less, must not be answered with what this one made.
  const name = `${ctx.actor.id} ${key}`;
  const now = ctx.clock.now();
  const mine = and(eq(idempotency.teamId, ctx.team), eq(idempotency.key, name));
  const isPending = isNull(idempotency.status);
  const fingerprint = await fingerprintOf(ctx.keyEncryptionKeys, ctx.keyEncryptionKeys.current, request);
  const stale = and(mine, isPending, lt(idempotency.createdAt, now - PENDING_MS));
  const [, [taken]] = await ctx.db.batch([
    ctx.db.delete(idempotency).where(stale),
    ctx.db
      .insert(idempotency)
      .values({ teamId: ctx.team, key: name, fingerprint, status: null, body: null, createdAt: now })
      .onConflictDoNothing()
      .returning({ key: idempotency.key }),
  ]);
  if (!taken) return replay(ctx, name, request);
  let response: Response | null = null;
  try {
    response = await act();
    return response;
  } finally {
    // Not the row of who took over meanwhile.
    const own = and(mine, isPending, eq(idempotency.createdAt, now));
    await keep(ctx, name, response, own).catch((error: unknown) => {
      // What was done is done: the answer says so, and who repeats it is told to wait.
      console.error(JSON.stringify({ level: "error", at: "idempotency", error: logText(error) }));
    });
  }
}

async function keep(ctx: Ctx, name: string, response: Response | null, own: SQL | undefined): Promise<void> {
  if (response && isKept(response.status)) {
    const text = await response.clone().text();
    if (text.length <= MAX_KEPT_LENGTH) {
      const body = await seal(ctx.keyEncryptionKeys, text, boundTo(ctx, name), ctx.random);
      await ctx.db.update(idempotency).set({ status: response.status, body }).where(own);
      return;
    }
  }
  await ctx.db.delete(idempotency).where(own);
}

async function replay(ctx: Ctx, name: string, request: string): Promise<Response> {
  const [row] = await ctx.db
    .select()
    .from(idempotency)
    .where(and(eq(idempotency.teamId, ctx.team), eq(idempotency.key, name)));
  const ring = ctx.keyEncryptionKeys;
  if (row && row.fingerprint !== (await fingerprintOf(ring, keyIdOf(row.fingerprint), request))) {
    throw new Problem("idempotency_mismatch", "This Idempotency-Key was used for another request.", {
      fix: "Make a new key for each request; send the same one only to repeat the very same request.",
    });
  }
  if (!row || row.status === null || row.body === null) {
    throw new Problem(
      "idempotency_in_progress",
      "The first request with this Idempotency-Key is under way.",
      { fix: "Send it again in a moment; it will answer what the first answered." },
    );
  }
  const text = await open(ring, row.body, boundTo(ctx, name));
  const type = row.status >= 400 ? "application/problem+json" : "application/json";
  return new Response(text === "" ? null : text, {
    status: row.status,
    headers: { "content-type": type, "idempotency-replayed": "true" },
  });
}

const boundTo = (ctx: Ctx, name: string): string => `idempotency:${ctx.team}:${name}`;

/** @returns `<key id>.<hex>`, so that a fingerprint outlives the change of the current key. */
async function fingerprintOf(ring: KeyRing, keyId: string, request: string): Promise<string> {
  const key = ring.keys[keyId];
  return key ? `${keyId}.${await hmacSha256(key, `idempotency\n${request}`)}` : "";
}
