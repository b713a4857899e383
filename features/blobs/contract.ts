/** Content-addressed uploads. Bytes belong to a team: one team can neither read nor learn of another's by digest. */
import { z } from "@hono/zod-openapi";
import { type Contract, op } from "#core/contract.ts";

/** Above this a file goes in parts: Cloudflare refuses request bodies over 100 MB. */
export const MAX_PUT_BYTES = 95 * 1024 * 1024;
/** 512 MiB: the limit of one file of a deployment. */
export const MAX_BLOB_BYTES = 512 * 1024 * 1024;
/** One pack of small files. */
export const MAX_PACK_BYTES = 8 * 1024 * 1024;
export const MAX_PACK_FILES = 200;
/** Every part but the last has this size. R2 needs at least 5 MiB, and equal sizes. */
export const PART_BYTES = 32 * 1024 * 1024;

export const Sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits");

const Blob = z.object({ sha256: Sha256Schema, size: z.number().int() }).openapi("Blob");
const params = z.object({ sha256: Sha256Schema });

export const blobs = {
  putPack: op({
    method: "PUT",
    path: "/api/blobs",
    tag: "Uploads",
    summary: "Upload many small files at once",
    description: `\`multipart/form-data\` with \`content-length\`: each part is a file, named by its SHA-256. At most ${MAX_PACK_FILES} files and ${MAX_PACK_BYTES} bytes. All of them are stored, or none.`,
    bytes: "multipart/form-data",
    output: z.object({ data: z.array(Blob) }).openapi("Pack"),
    status: 201,
    scope: "blobs:write",
    audit: "blob.put-pack",
    problems: [
      "bad_request",
      "invalid_input",
      "length_required",
      "too_large",
      "digest_mismatch",
      "unavailable",
      "insufficient_storage",
    ],
  }),
  put: op({
    method: "PUT",
    path: "/api/blobs/{sha256}",
    tag: "Uploads",
    summary: "Upload a file by its digest",
    description: `Needs \`content-length\`, at most ${MAX_PUT_BYTES} bytes. Sending the same bytes again is harmless.`,
    params,
    bytes: "application/octet-stream",
    output: Blob,
    status: 201,
    scope: "blobs:write",
    audit: "blob.put",
    problems: [
      "bad_request",
      "length_required",
      "too_large",
      "digest_mismatch",
      "unavailable",
      "insufficient_storage",
    ],
  }),
  startParts: op({
    method: "POST",
    path: "/api/blobs/{sha256}/parts",
    tag: "Uploads",
    summary: "Start or resume an upload in parts",
    description: "Answers which parts have arrived; calling it again after a cut resumes the same upload.",
    params,
    body: z.object({ size: z.number().int().min(1) }),
    output: z
      .object({ partBytes: z.number().int(), parts: z.number().int(), done: z.array(z.number().int()) })
      .openapi("Upload"),
    status: 201,
    scope: "blobs:write",
    audit: "blob.start-parts",
    problems: ["too_large", "conflict", "insufficient_storage"],
  }),
  putPart: op({
    method: "PUT",
    path: "/api/blobs/{sha256}/parts/{part}",
    tag: "Uploads",
    summary: "Upload one part",
    params: params.extend({ part: z.coerce.number().int().min(1).max(10_000) }),
    bytes: "application/octet-stream",
    output: z.object({ part: z.number().int(), size: z.number().int() }).openapi("Part"),
    status: 201,
    scope: "blobs:write",
    audit: "blob.put-part",
    problems: [
      "bad_request",
      "not_found",
      "conflict",
      "length_required",
      "size_mismatch",
      "unavailable",
      "insufficient_storage",
    ],
  }),
  completeParts: op({
    method: "POST",
    path: "/api/blobs/{sha256}/parts/complete",
    tag: "Uploads",
    summary: "Join the parts and check the digest",
    params,
    output: Blob,
    status: 201,
    scope: "blobs:write",
    audit: "blob.complete-parts",
    problems: ["not_found", "conflict", "digest_mismatch", "unavailable", "insufficient_storage"],
  }),
} satisfies Contract;
