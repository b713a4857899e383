/** The collector: what no manifest names and nothing touched for a day goes. */
import { and, eq, lt, not } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { DAY } from "#core/time.ts";
import { blobKey, encodedKey } from "#features/sites/site.ts";
import { forgetUpload, isNamed } from "./service.ts";
import { blobs, uploads } from "./tables.ts";

const KEEP_MS = DAY;
const BATCH = 500;

/**
 * A row goes first, by compare-and-set on when it was touched; only who removed the row removes the bytes. An upload
 * of the same bytes that comes between makes a new row, and its bytes are written before that.
 */
export async function collectBlobs(base: Base): Promise<{ deleted: number; uploads: number }> {
  const before = base.clock.now() - KEEP_MS;
  const stale = await base.db
    .select()
    .from(blobs)
    .where(and(lt(blobs.touchedAt, before), not(isNamed)))
    .limit(BATCH);
  let deleted = 0;
  for (const { teamId, sha256, touchedAt } of stale) {
    const gone = await base.db
      .delete(blobs)
      .where(
        and(eq(blobs.teamId, teamId), eq(blobs.sha256, sha256), eq(blobs.touchedAt, touchedAt), not(isNamed)),
      )
      .returning({ sha256: blobs.sha256 });
    if (gone.length === 0) continue;
    await base.blobs.delete([
      blobKey(teamId, sha256),
      encodedKey(teamId, sha256, "br"),
      encodedKey(teamId, sha256, "gzip"),
    ]);
    deleted++;
  }
  const left = await base.db.select().from(uploads).where(lt(uploads.createdAt, before)).limit(BATCH);
  for (const { teamId, sha256, multipartId } of left) {
    await base.blobs
      .resumeMultipartUpload(`uploads/${teamId}/${sha256}`, multipartId)
      .abort()
      .catch(() => undefined);
    await forgetUpload(base, teamId, sha256);
  }
  return { deleted, uploads: left.length };
}
