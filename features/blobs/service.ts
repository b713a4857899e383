/** Uploads: bytes by digest, verified by the store itself, whole or in parts. */
import { and, asc, eq, sql } from "drizzle-orm";
import type { Base, Ctx } from "#core/ctx.ts";
import { notFound, Problem } from "#core/problem.ts";
import { blobKey } from "#features/sites/site.ts";
import { MAX_PUT_BYTES, PART_BYTES } from "./contract.ts";
import { blobs, uploadParts, uploads } from "./tables.ts";

/** 512 MiB: the limit of one file of a deployment. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

export async function put(ctx: Ctx, sha256: string, request: Request) {
  const size = lengthOf(request);
  if (size > MAX_PUT_BYTES) {
    throw new Problem(
      "too_large",
      `A file of ${size} bytes can't be sent at once; ${MAX_PUT_BYTES} are allowed.`,
      {
        fix: `Send it in parts: POST /api/blobs/${sha256}/parts.`,
      },
    );
  }
  await store(ctx, blobKey(ctx.team, sha256), exactly(request, size), sha256);
  await ctx.commit({ action: "blob.put", target: sha256, detail: { size } }, insertBlob(ctx, sha256, size));
  return { sha256, size };
}

export async function startParts(ctx: Ctx, sha256: string, size: number) {
  if (size > MAX_FILE_BYTES) {
    throw new Problem("too_large", `A file of ${size} bytes is over the limit of ${MAX_FILE_BYTES}.`, {
      fix: "Serve it from a store of its own.",
    });
  }
  const open = await findUpload(ctx, sha256);
  if (open && open.size !== size) {
    throw new Problem("conflict", `An upload of this digest with ${open.size} bytes is under way.`, {
      fix: "Send the size of the file as it is; an upload that nobody continues ends after a day.",
    });
  }
  const multipartId =
    open?.multipartId ?? (await ctx.blobs.createMultipartUpload(tempKey(ctx.team, sha256))).uploadId;
  const row = { teamId: ctx.team, sha256, size, multipartId, createdAt: ctx.clock.now() };
  await ctx.commit(
    { action: "blob.start-parts", target: sha256, detail: { size } },
    ctx.db.insert(uploads).values(row).onConflictDoNothing(),
  );
  const done = await listParts(ctx, sha256);
  return { partBytes: PART_BYTES, parts: Math.ceil(size / PART_BYTES), done: done.map(({ part }) => part) };
}

export async function putPart(ctx: Ctx, sha256: string, part: number, request: Request) {
  const upload = await getUpload(ctx, sha256);
  const size = lengthOf(request);
  const last = Math.ceil(upload.size / PART_BYTES);
  const expected = part === last ? upload.size - (last - 1) * PART_BYTES : PART_BYTES;
  if (part > last || size !== expected) {
    throw new Problem(
      "size_mismatch",
      `Part ${part} of ${last} must have ${part > last ? 0 : expected} bytes, not ${size}.`,
      {
        fix: `Cut the file into parts of ${PART_BYTES} bytes; only the last is shorter.`,
      },
    );
  }
  const multipart = ctx.blobs.resumeMultipartUpload(tempKey(ctx.team, sha256), upload.multipartId);
  const stored = await guarded(multipart.uploadPart(part, exactly(request, size)));
  const row = { teamId: ctx.team, sha256, part, size, etag: stored.etag };
  await ctx.commit(
    { action: "blob.put-part", target: sha256, detail: { part, size } },
    ctx.db
      .insert(uploadParts)
      .values(row)
      .onConflictDoUpdate({ target: [uploadParts.teamId, uploadParts.sha256, uploadParts.part], set: row }),
  );
  return { part, size };
}

/** The parts are joined beside, and copied to their place only by a write that checks the digest. */
export async function completeParts(ctx: Ctx, sha256: string) {
  const upload = await getUpload(ctx, sha256);
  const parts = await listParts(ctx, sha256);
  const count = Math.ceil(upload.size / PART_BYTES);
  if (parts.length !== count) {
    throw new Problem("conflict", `${parts.length} of ${count} parts have arrived.`, {
      fix: `POST /api/blobs/${sha256}/parts tells which are missing.`,
    });
  }
  const temp = tempKey(ctx.team, sha256);
  const multipart = ctx.blobs.resumeMultipartUpload(temp, upload.multipartId);
  await guarded(multipart.complete(parts.map(({ part, etag }) => ({ partNumber: part, etag }))));
  const joined = await ctx.blobs.get(temp);
  if (!joined) throw new Error("the joined parts are gone");
  try {
    await store(ctx, blobKey(ctx.team, sha256), joined.body, sha256);
  } catch (error) {
    await forgetUpload(ctx, ctx.team, sha256);
    throw error;
  }
  await ctx.commit(
    { action: "blob.complete-parts", target: sha256, detail: { size: upload.size } },
    insertBlob(ctx, sha256, upload.size),
    ...deleteUpload(ctx, ctx.team, sha256),
  );
  await ctx.blobs.delete(temp);
  return { sha256, size: upload.size };
}

/** Ends an upload in parts that will not be continued. */
export async function forgetUpload(base: Base, team: string, sha256: string): Promise<void> {
  const [first, ...rest] = deleteUpload(base, team, sha256);
  if (first) await base.db.batch([first, ...rest]);
  await base.blobs.delete(tempKey(team, sha256));
}

/** A row for bytes that were just stored; for the manifest, too. */
export const insertBlob = (ctx: Ctx, sha256: string, size: number) => {
  const touchedAt = ctx.clock.now();
  return ctx.db
    .insert(blobs)
    .values({ teamId: ctx.team, sha256, size, touchedAt, brBytes: null, gzipBytes: null })
    .onConflictDoUpdate({ target: [blobs.teamId, blobs.sha256], set: { touchedAt } });
};

export interface KnownBlob {
  sha256: string;
  size: number;
  brBytes: number | null;
  gzipBytes: number | null;
}

/** Digests in one query: a list goes in as one JSON text, since a statement takes 100 parameters. */
export const DIGESTS_A_QUERY = 20_000;

/** What of these the team has. */
export async function findBlobs(
  base: Base,
  team: string,
  digests: readonly string[],
): Promise<Map<string, KnownBlob>> {
  const found = new Map<string, KnownBlob>();
  for (let from = 0; from < digests.length; from += DIGESTS_A_QUERY) {
    const { results } = await base.d1
      .prepare(
        `select b.sha256, b.size, b.br_bytes as brBytes, b.gzip_bytes as gzipBytes
         from json_each(?1) j join blobs b on b.team_id = ?2 and b.sha256 = j.value`,
      )
      .bind(JSON.stringify(digests.slice(from, from + DIGESTS_A_QUERY)), team)
      .all<KnownBlob>();
    for (const row of results) found.set(row.sha256, row);
  }
  return found;
}

/** Keeps blobs from the collector for another day. */
export async function touchBlobs(base: Base, team: string, digests: readonly string[]): Promise<void> {
  for (let from = 0; from < digests.length; from += DIGESTS_A_QUERY) {
    await base.d1
      .prepare(
        "update blobs set touched_at = ?1 where team_id = ?2 and sha256 in (select value from json_each(?3))",
      )
      .bind(base.clock.now(), team, JSON.stringify(digests.slice(from, from + DIGESTS_A_QUERY)))
      .run();
  }
}

const tempKey = (team: string, sha256: string): string => `uploads/${team}/${sha256}`;

const ours = (ctx: Ctx, sha256: string) => and(eq(uploads.teamId, ctx.team), eq(uploads.sha256, sha256));

async function findUpload(ctx: Ctx, sha256: string) {
  const [row] = await ctx.db.select().from(uploads).where(ours(ctx, sha256));
  return row;
}

async function getUpload(ctx: Ctx, sha256: string) {
  const row = await findUpload(ctx, sha256);
  if (!row) throw notFound("upload");
  return row;
}

const listParts = (ctx: Ctx, sha256: string) =>
  ctx.db
    .select()
    .from(uploadParts)
    .where(and(eq(uploadParts.teamId, ctx.team), eq(uploadParts.sha256, sha256)))
    .orderBy(asc(uploadParts.part));

const deleteUpload = (base: Base, team: string, sha256: string) => [
  base.db.delete(uploads).where(and(eq(uploads.teamId, team), eq(uploads.sha256, sha256))),
  base.db.delete(uploadParts).where(and(eq(uploadParts.teamId, team), eq(uploadParts.sha256, sha256))),
];

function lengthOf(request: Request): number {
  const text = request.headers.get("content-length");
  if (text === null || !/^\d{1,12}$/.test(text)) {
    throw new Problem("length_required", "An upload needs a content-length.", {
      fix: "Send the bytes with `content-length`, not chunked.",
    });
  }
  return Number(text);
}

/** Fails when the sender stops before it has sent what it promised; nothing is stored then. */
function exactly(request: Request, size: number): ReadableStream | Uint8Array<ArrayBuffer> {
  return request.body && size > 0 ? request.body.pipeThrough(new FixedLengthStream(size)) : new Uint8Array(0);
}

async function store(
  ctx: Ctx,
  key: string,
  body: ReadableStream | Uint8Array<ArrayBuffer>,
  sha256: string,
): Promise<void> {
  await guarded(ctx.blobs.put(key, body, { sha256 }));
}

/** Tells apart what the sender got wrong, a store that is full, and the rest. */
async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const text = String(cause);
    if (/checksum|sha-?256|did not match|10037/i.test(text)) {
      throw new Problem("digest_mismatch", "The bytes do not have the digest in the address.", {
        fix: "Compute the SHA-256 of the bytes as they are sent; the file may have changed meanwhile.",
        cause,
      });
    }
    if (/FixedLengthStream|disconnected|premature|body.*(?:length|end)|Network connection lost/i.test(text)) {
      throw new Problem("bad_request", "The upload ended before all of its bytes had come.", {
        fix: "Send it again.",
        cause,
      });
    }
    if (/ENOSPC|SQLITE_FULL|disk.*full|no space/i.test(text)) {
      throw new Problem("insufficient_storage", "The platform's disk is full; nothing was stored.", {
        fix: "Free space on the platform's machine, then send it again.",
        cause,
      });
    }
    throw cause;
  }
}

/** For the collector's query. */
export const isNamed = sql`exists (select 1 from manifest_blobs m where m.team_id = blobs.team_id and m.sha256 = blobs.sha256)`;
