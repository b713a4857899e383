/** Uploads files by their digests: small ones many at a time, large ones in parts that a cut does not undo. */
import type { Client } from "./client.ts";

/** The API refuses more in one request. */
const MAX_PUT_BYTES = 95 * 1024 * 1024;
/** Files up to this size travel together. */
const SMALL_BYTES = 256 * 1024;
/** Well under what the API takes, so that a cut costs little, and several packs travel at once. */
const PACK_BYTES = 2 * 1024 * 1024;
const PACK_FILES = 100;
const AT_ONCE = 6;

export interface Source {
  sha256: string;
  /** Bytes. */
  size: number;
  load(): Promise<Blob>;
}

/** Called with what has just arrived. */
export type OnArrival = (arrived: { files: number; bytes: number }) => void;

/** Uploading the same file again is harmless. @throws ApiError, or the signal's reason */
export async function uploadAll(
  client: Client,
  sources: readonly Source[],
  onArrival: OnArrival = () => undefined,
  signal?: AbortSignal,
): Promise<void> {
  const waiting = packsOf(sources).values();
  const work = async () => {
    for (const pack of waiting) {
      signal?.throwIfAborted();
      const [only] = pack;
      if (pack.length === 1 && only) await uploadOne(client, only, onArrival, signal);
      else await uploadPack(client, pack, onArrival, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Small files by the dozen, large ones alone. */
export function packsOf(sources: readonly Source[]): Source[][] {
  const packs: Source[][] = [];
  let pack: Source[] = [];
  let bytes = 0;
  for (const source of sources) {
    if (source.size > SMALL_BYTES) {
      packs.push([source]);
      continue;
    }
    if (pack.length === 0 || pack.length === PACK_FILES || bytes + source.size > PACK_BYTES) {
      pack = [];
      bytes = 0;
      packs.push(pack);
    }
    pack.push(source);
    bytes += source.size;
  }
  return packs;
}

async function uploadPack(
  client: Client,
  pack: readonly Source[],
  onArrival: OnArrival,
  signal?: AbortSignal,
): Promise<void> {
  const form = new FormData();
  for (const { sha256, load } of pack) form.append(sha256, await load(), sha256);
  const message = new Response(form);
  const type = message.headers.get("content-type") ?? "";
  const body = await message.blob();
  await client.upload("/api/blobs", type, body, signal);
  onArrival({ files: pack.length, bytes: pack.reduce((sum, { size }) => sum + size, 0) });
}

async function uploadOne(
  client: Client,
  { sha256, size, load }: Source,
  onArrival: OnArrival,
  signal?: AbortSignal,
): Promise<void> {
  const body = await load();
  if (size <= MAX_PUT_BYTES) {
    await client.upload(`/api/blobs/${sha256}`, BYTES, body, signal);
    onArrival({ files: 1, bytes: size });
    return;
  }
  const options = signal ? { signal } : {};
  const { partBytes, parts, done } = await client.request(
    "POST /api/blobs/{sha256}/parts",
    { params: { sha256 }, body: { size } },
    options,
  );
  for (let part = 1; part <= parts; part++) {
    const start = (part - 1) * partBytes;
    const end = Math.min(size, start + partBytes);
    if (!done.includes(part)) {
      await client.upload(`/api/blobs/${sha256}/parts/${part}`, BYTES, body.slice(start, end), signal);
    }
    onArrival({ files: 0, bytes: end - start });
  }
  await client.request("POST /api/blobs/{sha256}/parts/complete", { params: { sha256 } }, options);
  onArrival({ files: 1, bytes: 0 });
}

const BYTES = "application/octet-stream";
