/** Uploads a file by its digest: at once, or in parts that a cut does not undo. */
import type { Client } from "./client.ts";

/** The API refuses more in one request. */
const MAX_PUT_BYTES = 95 * 1024 * 1024;

export interface Source {
  sha256: string;
  size: number;
  /** The bytes from `start` up to, but without, `end`. */
  read(start: number, end: number): BodyInit;
}

/** @param onBytes Called with the bytes that have just arrived. */
export async function uploadBlob(
  client: Client,
  source: Source,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { sha256, size } = source;
  if (size <= MAX_PUT_BYTES) {
    await client.upload(`/api/blobs/${sha256}`, { size, open: () => source.read(0, size) }, signal);
    onBytes(size);
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
      const bytes = { size: end - start, open: () => source.read(start, end) };
      await client.upload(`/api/blobs/${sha256}/parts/${part}`, bytes, signal);
    }
    onBytes(end - start);
  }
  await client.request("POST /api/blobs/{sha256}/parts/complete", { params: { sha256 } }, options);
}
