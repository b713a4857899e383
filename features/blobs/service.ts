/** What a team has uploaded: bytes by digest, verified by the store itself, and the index of them. */
import { and, eq, gt } from "drizzle-orm";
import type { Write } from "#core/commit.ts";
import type { Base, Ctx } from "#core/ctx.ts";
import { Problem } from "#core/problem.ts";
import { blobKey } from "#features/sites/site.ts";
import { MAX_PUT_BYTES } from "./contract.ts";
import { type Body, forward, guarded, lengthOf } from "./store.ts";
import { blobs } from "./tables.ts";

export async function put(ctx: Ctx, sha256: string, request: Request) {
  const size = lengthOf(request);
  if (size > MAX_PUT_BYTES) {
    const detail = `A file of ${size} bytes can't be sent at once; ${MAX_PUT_BYTES} are allowed.`;
    throw new Problem("too_large", detail, { fix: `Send it in parts: POST /api/blobs/${sha256}/parts.` });
  }
  await storeBlob(ctx, sha256, (store) => forward(request, size, store));
  await ctx.commit({ action: "blob.put", target: sha256, detail: { size } }, insertBlob(ctx, sha256, size));
  return { sha256, size };
}

/**
 * Stores bytes under their digest; {@link insertBlob}, in the caller's commit, then makes them known.
 *
 * @param send Is handed what takes the bytes.
 * @throws Problem as {@link beforeStoring} and {@link guarded}.
 */
export async function storeBlob(
  ctx: Ctx,
  sha256: string,
  send: (store: (body: Body) => Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  await beforeStoring(ctx, [sha256]);
  await send((body) => guarded(ctx.blobs.put(blobKey(ctx.team, sha256), body, { sha256 })));
}

/**
 * The collector takes a blob in three steps: the row is marked, the bytes go, the row goes. So whoever stores looks at
 * the row first: without one nothing is being deleted, and a row that was just touched is safe for a day.
 *
 * @param digests At most {@link DIGESTS_A_QUERY}.
 * @throws Problem `unavailable` while the collector deletes one of these.
 */
export async function beforeStoring(ctx: Ctx, digests: readonly string[]): Promise<void> {
  const list = JSON.stringify(digests);
  const doomed = ctx.d1
    .prepare(
      `select 1 from json_each(?1) j cross join blobs b on b.team_id = ?2 and b.sha256 = j.value
       where b.touched_at = 0 limit 1`,
    )
    .bind(list, ctx.team);
  const [, found] = await ctx.d1.batch([touch(ctx, ctx.team, list), doomed]);
  if (found?.results.length !== 0) {
    throw new Problem("unavailable", "An old copy of this file is being deleted at this moment.", {
      fix: "Send it again in a moment.",
    });
  }
}

export function insertBlob(ctx: Ctx, sha256: string, size: number): Write {
  const touchedAt = ctx.clock.now();
  return ctx.db
    .insert(blobs)
    .values({ teamId: ctx.team, sha256, size, touchedAt, brBytes: null, gzipBytes: null })
    .onConflictDoUpdate({
      target: [blobs.teamId, blobs.sha256],
      set: { touchedAt },
      setWhere: gt(blobs.touchedAt, 0),
    });
}

export interface KnownBlob {
  sha256: string;
  size: number;
  brBytes: number | null;
  gzipBytes: number | null;
}

/** Digests in one statement: a list goes in as one JSON text of at most 2 MB, since a statement takes 100 parameters. */
export const DIGESTS_A_QUERY = 20_000;

/** What of these the team has. Whoever wants them to stay uses {@link keepBlobs}: the collector may be at work. */
export async function findBlobs(
  base: Base,
  team: string,
  digests: readonly string[],
): Promise<Map<string, KnownBlob>> {
  const found = new Map<string, KnownBlob>();
  for (const list of listsOf(digests)) {
    const { results } = await find(base, team, list).all<KnownBlob>();
    for (const row of results) found.set(row.sha256, row);
  }
  return found;
}

/** Touches what of these the team has, so that it stays for another day, and answers what that is. */
export async function keepBlobs(
  base: Base,
  team: string,
  digests: readonly string[],
): Promise<Map<string, KnownBlob>> {
  const found = new Map<string, KnownBlob>();
  for (const list of listsOf(digests)) {
    const [, rows] = await base.d1.batch<KnownBlob>([touch(base, team, list), find(base, team, list)]);
    for (const row of rows?.results ?? []) found.set(row.sha256, row);
  }
  return found;
}

function* listsOf(digests: readonly string[]): Generator<string> {
  for (let from = 0; from < digests.length; from += DIGESTS_A_QUERY) {
    yield JSON.stringify(digests.slice(from, from + DIGESTS_A_QUERY));
  }
}

/** `cross join` keeps the list outside: SQLite would scan it once for each blob of the team (32 s for 20,000). */
const find = (base: Base, team: string, list: string): D1PreparedStatement =>
  base.d1
    .prepare(
      `select b.sha256, b.size, b.br_bytes as brBytes, b.gzip_bytes as gzipBytes
       from json_each(?1) j cross join blobs b on b.team_id = ?2 and b.sha256 = j.value where b.touched_at > 0`,
    )
    .bind(list, team);

const touch = (base: Base, team: string, list: string): D1PreparedStatement =>
  base.d1
    .prepare(
      `update blobs set touched_at = ?1 where team_id = ?2 and touched_at > 0
       and sha256 in (select value from json_each(?3))`,
    )
    .bind(base.clock.now(), team, list);

/** Its bytes are gone, whoever took them: the next deployment that names it is told to upload it again. */
export async function forgetBlob(base: Base, team: string, sha256: string): Promise<void> {
  await base.db.delete(blobs).where(and(eq(blobs.teamId, team), eq(blobs.sha256, sha256)));
}
