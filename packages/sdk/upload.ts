/** Uploads files by their digests: small ones many at a time, large ones in parts that a cut does not undo. */
import { packOf, packsOf } from "@cloudify/protocol";
import type { Client } from "./client.ts";

/** The API refuses more in one request. */
const MAX_PUT_BYTES = 95 * 1024 * 1024;
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

async function uploadPack(
  client: Client,
  pack: readonly Source[],
  onArrival: OnArrival,
  signal?: AbortSignal,
): Promise<void> {
  const files = await Promise.all(pack.map(async ({ sha256, load }) => ({ sha256, bytes: await load() })));
  const { type, body } = await packOf(files);
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
