/** Uploading what the team lacks: the platform says what that is, so a cut upload goes on where it stopped. */
import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import type { HashedFile } from "@cloudify/builder";
import { ApiError, type Client, type Source, uploadAll } from "@cloudify/sdk";
import type { Context } from "./context.ts";
import { bytes } from "./output.ts";

/** Read whole; larger files are read as they are sent. */
const WHOLE_BYTES = 4 * 1024 * 1024;

export const fileSource = ({
  sha256,
  size,
  absolute,
}: Pick<HashedFile, "sha256" | "size" | "absolute">): Source => ({
  sha256,
  size,
  load: async () => (size <= WHOLE_BYTES ? new Blob([await readFile(absolute)]) : openAsBlob(absolute)),
});

export const textSource = (text: string): Source => bytesSource(Buffer.from(text));

export function bytesSource(bytes: Uint8Array<ArrayBuffer>): Source {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { sha256, size: bytes.length, load: async () => new Blob([bytes]) };
}

interface Count {
  blobs: number;
  bytes: number;
}

/** Creates; where files are missing, uploads them and creates again. */
export async function uploadMissing<T>(
  context: Context,
  client: Client,
  sources: readonly Source[],
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
      await upload(context, client, waiting, signal);
      const more = count(waiting);
      uploaded.blobs += more.blobs;
      uploaded.bytes += more.bytes;
    }
  }
}

const count = (sources: readonly Source[]): Count => ({
  blobs: sources.length,
  bytes: sources.reduce((sum, source) => sum + source.size, 0),
});

async function upload(
  context: Context,
  client: Client,
  sources: readonly Source[],
  signal: AbortSignal,
): Promise<void> {
  const total = count(sources);
  const sent = { files: 0, bytes: 0 };
  await uploadAll(
    client,
    sources,
    (arrived) => {
      sent.files += arrived.files;
      sent.bytes += arrived.bytes;
      context.out.progress(
        `Uploading ${sent.files}/${total.blobs} files, ${bytes(sent.bytes)} of ${bytes(total.bytes)}`,
      );
    },
    signal,
  );
  context.out.settle();
}
