/**
 * Uploads of many small files: a pack is a `multipart/form-data` (RFC 7578) in which each part is a file, named by the
 * SHA-256 of its bytes. Each request costs an authentication, a look at the index and a commit; most outputs are small files.
 */

/** Files up to this size travel together. */
const SMALL_BYTES = 256 * 1024;
/** Well under what the platform takes, so that a cut costs little, and several packs travel at once. */
const PACK_BYTES = 2 * 1024 * 1024;
const PACK_FILES = 100;

/** Small files by the dozen, large ones alone. @param files Their sizes in bytes. */
export function packsOf<T extends { size: number }>(files: Iterable<T>): T[][] {
  const packs: T[][] = [];
  let pack: T[] = [];
  let bytes = 0;
  for (const file of files) {
    if (file.size > SMALL_BYTES) {
      packs.push([file]);
      continue;
    }
    if (pack.length === 0 || pack.length === PACK_FILES || bytes + file.size > PACK_BYTES) {
      pack = [];
      bytes = 0;
      packs.push(pack);
    }
    pack.push(file);
    bytes += file.size;
  }
  return packs;
}

/** @returns A request's body and its `content-type`. (A blob's own type is in lower case, which a boundary need not be.) */
export async function packOf(
  files: Iterable<{ sha256: string; bytes: Blob }>,
): Promise<{ type: string; body: Blob }> {
  const form = new FormData();
  for (const { sha256, bytes } of files) form.append(sha256, bytes, sha256);
  const message = new Response(form);
  return { type: message.headers.get("content-type") ?? "", body: await message.blob() };
}
