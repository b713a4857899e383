/**
 * Uploads in parts. The parts are joined beside (`uploads/<team>/<sha256>`), and copied to their place only by a write
 * that checks the digest. Every step can be repeated after a cut.
 */
import { and, asc, eq } from "drizzle-orm";
import type { Base, Ctx } from "#core/ctx.ts";
import { notFound, Problem } from "#core/problem.ts";
import { MAX_BLOB_BYTES, PART_BYTES } from "./contract.ts";
import { findBlobs, insertBlob, storeBlob } from "./service.ts";
import { forward, guarded, isEnded, lengthOf } from "./store.ts";
import { uploadParts, uploads } from "./tables.ts";

type Upload = typeof uploads.$inferSelect;

export async function startParts(ctx: Ctx, sha256: string, size: number) {
  if (size > MAX_BLOB_BYTES) {
    throw new Problem("too_large", `A file of ${size} bytes is over the limit of ${MAX_BLOB_BYTES}.`, {
      fix: "Serve it from a store of its own.",
    });
  }
  const open = await findUpload(ctx, sha256);
  if (open && open.size !== size) {
    throw new Problem("conflict", `An upload of this digest with ${open.size} bytes is under way.`, {
      fix: "Send the size of the file as it is; an upload that nobody continues ends after a day.",
    });
  }
  const multipartId = open?.multipartId ?? (await create(ctx, sha256));
  const createdAt = ctx.clock.now();
  await ctx.commit(
    { action: "blob.start-parts", target: sha256, detail: { size } },
    ctx.db
      .insert(uploads)
      .values({ teamId: ctx.team, sha256, size, multipartId, createdAt })
      .onConflictDoUpdate({ target: [uploads.teamId, uploads.sha256], set: { createdAt } }),
  );
  const held = await findUpload(ctx, sha256);
  // Of two that start at once one wins; the other's is empty, and R2 drops it after a week.
  if (!held) throw notFound("upload");
  const done = await listParts(ctx, sha256);
  return { partBytes: PART_BYTES, parts: partsOf(size), done: done.map(({ part }) => part) };
}

export async function putPart(ctx: Ctx, sha256: string, part: number, request: Request) {
  const upload = await findUpload(ctx, sha256);
  if (!upload) throw notFound("upload");
  const size = lengthOf(request);
  const last = partsOf(upload.size);
  const expected = part > last ? 0 : part === last ? upload.size - (last - 1) * PART_BYTES : PART_BYTES;
  if (part > last || size !== expected) {
    throw new Problem("size_mismatch", `Part ${part} of ${last} must have ${expected} bytes, not ${size}.`, {
      fix: `Cut the file into parts of ${PART_BYTES} bytes; only the last is shorter.`,
    });
  }
  const multipart = ctx.blobs.resumeMultipartUpload(tempKey(ctx.team, sha256), upload.multipartId);
  const sent = forward(request, size, (body) => multipart.uploadPart(part, body));
  const { etag } = await sent.catch((error: unknown) => endedOr(ctx, sha256, error));
  const row = { teamId: ctx.team, sha256, part, size, etag };
  await ctx.commit(
    { action: "blob.put-part", target: sha256, detail: { part, size } },
    ctx.db
      .insert(uploadParts)
      .values(row)
      .onConflictDoUpdate({ target: [uploadParts.teamId, uploadParts.sha256, uploadParts.part], set: row }),
  );
  return { part, size };
}

export async function completeParts(ctx: Ctx, sha256: string) {
  const upload = await findUpload(ctx, sha256);
  if (!upload) return finishedBefore(ctx, sha256);
  const { size } = upload;
  await join(ctx, upload);
  const joined = await ctx.blobs.get(tempKey(ctx.team, sha256));
  if (!joined) return finishedBefore(ctx, sha256);
  try {
    await storeBlob(ctx, sha256, (store) => store(joined.body));
    await ctx.commit(
      { action: "blob.complete-parts", target: sha256, detail: { size } },
      insertBlob(ctx, sha256, size),
      ...deleteUpload(ctx, ctx.team, sha256),
    );
  } catch (error) {
    // Bytes that are wrong, or have no room, are not kept; anything else may be tried again from here.
    const isHopeless =
      error instanceof Problem && (error.code === "digest_mismatch" || error.code === "insufficient_storage");
    if (isHopeless) await forgetUpload(ctx, ctx.team, sha256);
    throw error;
  }
  await ctx.blobs.delete(tempKey(ctx.team, sha256));
  return { sha256, size };
}

/** Ends an upload in parts that will not be continued. */
async function forgetUpload(base: Base, team: string, sha256: string): Promise<void> {
  const [first, ...rest] = deleteUpload(base, team, sha256);
  await base.db.batch([first, ...rest]);
  await base.blobs.delete(tempKey(team, sha256));
}

/** R2 forgets the parts, joined or not; harmless when it has. */
export async function abort(base: Base, team: string, sha256: string, multipartId: string): Promise<void> {
  const multipart = base.blobs.resumeMultipartUpload(tempKey(team, sha256), multipartId);
  await multipart.abort().catch(() => undefined);
  await base.blobs.delete(tempKey(team, sha256));
}

async function join(ctx: Ctx, { sha256, size, multipartId }: Upload): Promise<void> {
  const parts = await listParts(ctx, sha256);
  if (parts.length !== partsOf(size)) {
    throw new Problem("conflict", `${parts.length} of ${partsOf(size)} parts have arrived.`, {
      fix: `POST /api/blobs/${sha256}/parts tells which are missing.`,
    });
  }
  const multipart = ctx.blobs.resumeMultipartUpload(tempKey(ctx.team, sha256), multipartId);
  const named = parts.map(({ part, etag }) => ({ partNumber: part, etag }));
  try {
    await guarded(multipart.complete(named));
  } catch (error) {
    const joined = await ctx.blobs.head(tempKey(ctx.team, sha256));
    if (joined?.size === size) return; // by an earlier call, which was cut off after that
    if ((await findBlobs(ctx, ctx.team, [sha256])).size === 0) await endedOr(ctx, sha256, error);
  }
}

/** Two calls at once, or one that is repeated: the other has done it. */
async function finishedBefore(ctx: Ctx, sha256: string) {
  const blob = (await findBlobs(ctx, ctx.team, [sha256])).get(sha256);
  if (!blob) throw notFound("upload");
  await ctx.commit({ action: "blob.complete-parts", target: sha256, detail: { size: blob.size } });
  return { sha256, size: blob.size };
}

/** R2 may have dropped the upload (it does so after a week): its rows go too, so that it can be started again. */
async function endedOr(ctx: Ctx, sha256: string, error: unknown): Promise<never> {
  if (!isEnded(error)) throw error;
  await forgetUpload(ctx, ctx.team, sha256);
  throw new Problem("conflict", "This upload was ended, and its parts are gone.", {
    fix: `Start it again: POST /api/blobs/${sha256}/parts.`,
    cause: error,
  });
}

const create = async (ctx: Ctx, sha256: string): Promise<string> =>
  (await guarded(ctx.blobs.createMultipartUpload(tempKey(ctx.team, sha256)))).uploadId;

const tempKey = (team: string, sha256: string): string => `uploads/${team}/${sha256}`;
const partsOf = (size: number): number => Math.ceil(size / PART_BYTES);

async function findUpload(ctx: Ctx, sha256: string): Promise<Upload | undefined> {
  const [row] = await ctx.db
    .select()
    .from(uploads)
    .where(and(eq(uploads.teamId, ctx.team), eq(uploads.sha256, sha256)));
  return row;
}

const listParts = (ctx: Ctx, sha256: string) =>
  ctx.db
    .select()
    .from(uploadParts)
    .where(and(eq(uploadParts.teamId, ctx.team), eq(uploadParts.sha256, sha256)))
    .orderBy(asc(uploadParts.part));

const deleteUpload = (base: Base, team: string, sha256: string) =>
  [
    base.db.delete(uploads).where(and(eq(uploads.teamId, team), eq(uploads.sha256, sha256))),
    base.db.delete(uploadParts).where(and(eq(uploadParts.teamId, team), eq(uploadParts.sha256, sha256))),
  ] as const;
