/**
 * Many small files in one request (RFC 7578, `multipart/form-data`: a part's name is its digest). A site is mostly small
 * files, and each request of its own would cost an authentication, a look at the index and a commit.
 */
import { sql } from "drizzle-orm";
import type { Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { Problem } from "#core/problem.ts";
import { blobKey } from "#features/sites/site.ts";
import { MAX_PACK_BYTES, MAX_PACK_FILES, Sha256Schema } from "./contract.ts";
import { beforeStoring } from "./service.ts";
import { guarded, lengthOf } from "./store.ts";
import { blobs } from "./tables.ts";

const PUTS_AT_ONCE = 16;

interface Packed {
  sha256: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** All of them become known, or none. @throws Problem */
export async function putPack(ctx: Ctx, request: Request) {
  const size = lengthOf(request);
  if (size > MAX_PACK_BYTES) {
    const detail = `A pack of ${size} bytes is too large; ${MAX_PACK_BYTES} are allowed.`;
    throw new Problem("too_large", detail, { fix: "Send several packs, or larger files one by one." });
  }
  const files = await unpack(request);
  await beforeStoring(
    ctx,
    files.map((file) => file.sha256),
  );
  for (let at = 0; at < files.length; at += PUTS_AT_ONCE) {
    const some = files.slice(at, at + PUTS_AT_ONCE);
    await guarded(Promise.all(some.map((file) => ctx.blobs.put(blobKey(ctx.team, file.sha256), file.bytes))));
  }
  const stored = files.map((file) => ({ sha256: file.sha256, size: file.bytes.length }));
  const bytes = stored.reduce((sum, file) => sum + file.size, 0);
  const detail = { bytes, digests: stored.map((file) => file.sha256) };
  await ctx.commit(
    { action: "blob.put-pack", target: `${stored.length} files`, detail },
    insertAll(ctx, stored),
  );
  return { data: stored };
}

/** In one statement: a list goes in as one JSON text. */
function insertAll(ctx: Ctx, stored: readonly { sha256: string; size: number }[]) {
  const touchedAt = ctx.clock.now();
  return ctx.db
    .insert(blobs)
    .select(
      // `where true`: without it SQLite reads the conflict clause as part of a join.
      sql`select ${ctx.team}, value ->> 'sha256', value ->> 'size', ${touchedAt}, null, null
          from json_each(${JSON.stringify(stored)}) where true`,
    )
    .onConflictDoUpdate({
      target: [blobs.teamId, blobs.sha256],
      set: { touchedAt },
      setWhere: sql`blobs.touched_at > 0`,
    });
}

async function unpack(request: Request): Promise<Packed[]> {
  const files = new Map<string, Packed>();
  for (const [name, value] of await formOf(request)) {
    if (typeof value === "string" || !Sha256Schema.safeParse(name).success) {
      throw new Problem(
        "invalid_input",
        `The part ${JSON.stringify(name.slice(0, 80))} is not a file named by its digest.`,
        {
          fix: "Name each part by the SHA-256 of its bytes, 64 lower-case hex digits, and give it a filename.",
        },
      );
    }
    const bytes = new Uint8Array(await value.arrayBuffer());
    if ((await sha256(bytes)) !== name) {
      throw new Problem(
        "digest_mismatch",
        "The bytes of a part do not have the digest in its name; nothing was stored.",
        {
          fix: "Compute the SHA-256 of the bytes as they are sent; the file may have changed meanwhile.",
          extensions: { sha256: name },
        },
      );
    }
    files.set(name, { sha256: name, bytes });
  }
  if (files.size === 0 || files.size > MAX_PACK_FILES) {
    throw new Problem(
      "invalid_input",
      `The pack holds ${files.size} files; it takes 1 to ${MAX_PACK_FILES}.`,
      {
        fix: "Send several packs.",
      },
    );
  }
  return [...files.values()];
}

async function formOf(request: Request): Promise<FormData> {
  try {
    return await request.formData();
  } catch (cause) {
    throw new Problem("bad_request", "The body is not multipart/form-data, or ended before its last part.", {
      fix: "Send multipart/form-data (RFC 7578) with one file for each part.",
      cause,
    });
  }
}
