/** Sends an output to the platform: by digest, only what the team lacks, many files at once, each until it has arrived. */
import { createHash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { type OutputFile, packOf, packsOf } from "@cloudify/protocol";
import { each } from "../each.ts";
import { readTree, type TreeFile } from "./tree.ts";

/** The calls of a task's own paths; see packages/protocol/tasks.ts. An error's `status` is the answer's, if there was one. */
export interface UploadClient {
  /** @returns Those that the team lacks. */
  missing(digests: readonly string[], signal: AbortSignal): Promise<string[]>;
  /** @param body Read anew for each attempt. */
  put(sha256: string, body: Blob, signal: AbortSignal): Promise<void>;
  /** Of `packOf`: all of its files arrive, or none. */
  putPack(pack: { type: string; body: Blob }, signal: AbortSignal): Promise<void>;
}

export interface UploadOptions {
  signal: AbortSignal;
  /** Waits before another attempt. @param attempt From 0. */
  pause?(attempt: number, signal: AbortSignal): Promise<void>;
}

const HASHES_AT_ONCE = 4;
const PUTS_AT_ONCE = 8;
const ATTEMPTS = 6;
const BASE_MS = 250;
const MAX_PAUSE_MS = 8_000;
const DIGESTS_A_QUESTION = 10_000;

/**
 * Said again after a cut, it sends only what has not arrived.
 *
 * @returns What the task is completed with. @throws BuildFault for what can't be deployed; else what the client threw last.
 */
export async function uploadOutput(
  output: string,
  client: UploadClient,
  { signal, pause = jittered }: UploadOptions,
): Promise<OutputFile[]> {
  const files = await readTree(output);
  const digests = await digestsOf(files, signal);
  const sources = new Map<string, TreeFile>();
  const manifest = files.map((file): OutputFile => {
    const sha256 = digests.get(keyOf(file)) ?? "";
    sources.set(sha256, file);
    const { path, size, isExecutable, link } = file;
    return {
      path,
      sha256,
      size,
      ...(isExecutable ? { isExecutable } : {}),
      ...(link === undefined ? {} : { link }),
    };
  });
  const all = [...sources.keys()];
  for (let at = 0; at < all.length; at += DIGESTS_A_QUESTION) {
    const asked = all.slice(at, at + DIGESTS_A_QUESTION);
    const lacking = await retried(() => client.missing(asked, signal), pause, signal);
    const files = lacking.flatMap((sha256) => {
      const file = sources.get(sha256);
      return file ? [{ sha256, file, size: file.size }] : [];
    });
    await each(packsOf(files), PUTS_AT_ONCE, (pack) =>
      retried(() => send(pack, client, signal), pause, signal),
    );
  }
  signal.throwIfAborted();
  return manifest;
}

interface Part {
  sha256: string;
  file: TreeFile;
}

async function send(pack: readonly Part[], client: UploadClient, signal: AbortSignal): Promise<void> {
  const files = await Promise.all(
    pack.map(async ({ sha256, file }) => ({ sha256, bytes: await bodyOf(file) })),
  );
  const [, second] = files;
  const isTaken = second !== undefined && (await putPack(files, client, signal));
  if (!isTaken) for (const { sha256, bytes } of files) await client.put(sha256, bytes, signal);
}

/** @returns `false`: the platform is of before packs. Where the attempt is over instead, the next call says so. */
async function putPack(
  files: readonly { sha256: string; bytes: Blob }[],
  client: UploadClient,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.putPack(await packOf(files), signal);
    return true;
  } catch (error) {
    const { status } = error as { status?: unknown };
    if (status === 404 || status === 405) return false;
    throw error;
  }
}

/** What has two paths is read once. */
const keyOf = ({ inode, link }: TreeFile): string => (link === undefined ? inode : `link ${link}`);

async function digestsOf(files: readonly TreeFile[], signal: AbortSignal): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  const distinct = new Map(files.map((file) => [keyOf(file), file]));
  await each([...distinct], HASHES_AT_ONCE, async ([key, file]) => {
    signal.throwIfAborted();
    digests.set(key, await digestOf(file));
  });
  return digests;
}

async function digestOf({ absolute, link }: TreeFile): Promise<string> {
  const hash = createHash("sha256");
  if (link !== undefined) return hash.update(link).digest("hex");
  for await (const chunk of createReadStream(absolute)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

const bodyOf = async ({ absolute, link }: TreeFile): Promise<Blob> =>
  link === undefined ? openAsBlob(absolute) : new Blob([link]);

async function retried<T>(
  act: () => Promise<T>,
  pause: NonNullable<UploadOptions["pause"]>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (attempt + 1 >= ATTEMPTS || isFinal(error)) throw error;
      await pause(attempt, signal);
    }
  }
}

/** The answer would be the same again. */
function isFinal(error: unknown): boolean {
  const { status } = error as { status?: unknown };
  return typeof status === "number" && status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

const jittered = (attempt: number, signal: AbortSignal): Promise<void> =>
  after(Math.random() * Math.min(MAX_PAUSE_MS, BASE_MS * 2 ** attempt), undefined, { signal });
