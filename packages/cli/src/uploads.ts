/** Uploading what the team lacks: the platform says what that is, so a cut upload goes on where it stopped. */
import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import type { HashedFile } from "@cloudify/builder";
import { ApiError, type Client, uploadBlob } from "@cloudify/sdk";
import type { Context } from "./context.ts";
import { bytes } from "./output.ts";

export interface UploadSource {
  sha256: string;
  size: number;
  load(): Promise<Blob | Buffer>;
}

const AT_ONCE = 12;
/** Read whole; larger files are read as they are sent. */
const WHOLE_BYTES = 4 * 1024 * 1024;

export const fileSource = ({ sha256, size, absolute }: HashedFile): UploadSource => ({
  sha256,
  size,
  load: () => (size <= WHOLE_BYTES ? readFile(absolute) : openAsBlob(absolute)),
});

export function textSource(text: string): UploadSource {
  const buffer = Buffer.from(text);
  const sha256 = createHash("sha256").update(buffer).digest("hex");
  return { sha256, size: buffer.length, load: async () => buffer };
}

interface Count {
  blobs: number;
  bytes: number;
}

/** Creates; where files are missing, uploads them and creates again. */
export async function uploadMissing<T>(
  context: Context,
  client: Client,
  sources: readonly UploadSource[],
  { create, signal }: { create(): Promise<T>; signal: AbortSignal },
): Promise<{ created: T; uploaded: Count; reused: Count }> {
  const uploaded: Count = { blobs: 0, bytes: 0 };
  const total = count(sources);
  for (let round = 0; ; round++) {
    try {
      const created = await create();
      const reused = { blobs: total.blobs - uploaded.blobs, bytes: total.bytes - uploaded.bytes };
      return { created, uploaded, reused };
    } catch (error) {
      const missing =
        error instanceof ApiError && error.problem.code === "missing_blobs" ? error.problem.missing : null;
      if (!Array.isArray(missing) || round >= 3) throw error;
      const wanted = new Set(missing as string[]);
      const waiting = sources.filter((source) => wanted.has(source.sha256));
      await uploadAll(context, client, waiting, signal);
      const more = count(waiting);
      uploaded.blobs += more.blobs;
      uploaded.bytes += more.bytes;
    }
  }
}

const count = (sources: readonly UploadSource[]): Count => ({
  blobs: sources.length,
  bytes: sources.reduce((sum, source) => sum + source.size, 0),
});

async function uploadAll(
  context: Context,
  client: Client,
  sources: readonly UploadSource[],
  signal: AbortSignal,
): Promise<void> {
  const total = count(sources);
  let sent = 0;
  let files = 0;
  const waiting = sources.values();
  const work = async () => {
    for (const { sha256, size, load } of waiting) {
      signal.throwIfAborted();
      const body = await load();
      const read = (start: number, end: number): BodyInit =>
        Buffer.isBuffer(body) ? new Uint8Array(body.subarray(start, end)) : body.slice(start, end);
      await uploadBlob(
        client,
        { sha256, size, read },
        (arrived) => {
          sent += arrived;
          context.out.progress(
            `Uploading ${files}/${total.blobs} files, ${bytes(sent)} of ${bytes(total.bytes)}`,
          );
        },
        signal,
      );
      files++;
      context.out.progress(
        `Uploading ${files}/${total.blobs} files, ${bytes(sent)} of ${bytes(total.bytes)}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, sources.length) }, work));
  context.out.settle();
}
