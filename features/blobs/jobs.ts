/** The collector: what no manifest names and nothing touched for a day goes. */
import { and, eq, exists, lt, sql } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { DAY } from "#core/time.ts";
import { blobKey, encodedKey } from "#features/sites/site.ts";
import { abort } from "./parts.ts";
import { uploadParts, uploads } from "./tables.ts";

const KEEP_MS = DAY;
/** Rows looked at in one run; the next goes on behind the last. */
const SCAN = 20_000;
/** Of these at most so many are deleted; R2 takes 1,000 keys at once, and a blob may have three. */
const BATCH = 300;
const CURSOR = "collector:cursor";

interface Found {
  team_id: string;
  sha256: string;
}

/**
 * A blob is marked by compare-and-set on when it was touched, then its bytes go, then its row. A mark that a crash left
 * is found again, since 0 is older than a day; until then an upload of the same bytes is asked to come back.
 */
export async function collectBlobs(base: Base): Promise<{ deleted: number; uploads: number }> {
  const before = base.clock.now() - KEEP_MS;
  const marked = await mark(base, before);
  if (marked.length > 0) {
    await base.blobs.delete(
      marked.flatMap(({ team_id, sha256 }) => [
        blobKey(team_id, sha256),
        encodedKey(team_id, sha256, "br"),
        encodedKey(team_id, sha256, "gzip"),
      ]),
    );
    await base.d1
      .prepare(
        `delete from blobs where touched_at = 0 and (team_id, sha256) in
           (select value ->> 'team_id', value ->> 'sha256' from json_each(?1))`,
      )
      .bind(JSON.stringify(marked))
      .run();
  }
  return { deleted: marked.length, uploads: await collectUploads(base, before) };
}

async function mark(base: Base, before: number): Promise<Found[]> {
  const [team = "", sha256 = ""] = ((await base.snapshots.get(CURSOR)) ?? "").split("/");
  const { results } = await base.d1
    .prepare(
      `select team_id, sha256, touched_at,
         touched_at < ?3 and not exists (
           select 1 from manifest_blobs m where m.team_id = blobs.team_id and m.sha256 = blobs.sha256) as stale
       from blobs where (team_id, sha256) > (?1, ?2) order by team_id, sha256 limit ?4`,
    )
    .bind(team, sha256, before, SCAN)
    .all<Found & { touched_at: number; stale: number }>();
  const stale = results.filter((row) => row.stale === 1).slice(0, BATCH);
  const isWhole = stale.length < BATCH && results.length < SCAN;
  const last = stale.length < BATCH ? results.at(-1) : stale.at(-1);
  if (!isWhole && last) await base.snapshots.put(CURSOR, `${last.team_id}/${last.sha256}`);
  else if (team !== "") await base.snapshots.delete(CURSOR);
  if (stale.length === 0) return [];
  const marked = await base.d1
    .prepare(
      `update blobs set touched_at = 0 where (team_id, sha256, touched_at) in
         (select value ->> 'team_id', value ->> 'sha256', value ->> 'touched_at' from json_each(?1))
       and not exists (select 1 from manifest_blobs m where m.team_id = blobs.team_id and m.sha256 = blobs.sha256)
       returning team_id, sha256`,
    )
    .bind(JSON.stringify(stale))
    .all<Found>();
  return marked.results;
}

/** By compare-and-set on when it was last started: whoever goes on with it keeps it. */
async function collectUploads(base: Base, before: number): Promise<number> {
  const left = await base.db.select().from(uploads).where(lt(uploads.createdAt, before)).limit(BATCH);
  let ended = 0;
  for (const { teamId, sha256, multipartId, createdAt } of left) {
    const mine = and(
      eq(uploads.teamId, teamId),
      eq(uploads.sha256, sha256),
      eq(uploads.createdAt, createdAt),
    );
    const parts = and(eq(uploadParts.teamId, teamId), eq(uploadParts.sha256, sha256));
    const [, gone] = await base.db.batch([
      base.db
        .delete(uploadParts)
        .where(and(parts, exists(base.db.select({ one: sql`1` }).from(uploads).where(mine)))),
      base.db.delete(uploads).where(mine).returning({ sha256: uploads.sha256 }),
    ]);
    if (gone.length === 0) continue;
    await abort(base, teamId, sha256, multipartId);
    ended++;
  }
  return ended;
}
