/** A build from its source to its uploaded output. What goes wrong on the way is its result. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildTask, OutputFile, TaskResult } from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { BlobCache } from "./blobs.ts";
import { cacheName } from "./build/cache.ts";
import { type UploadClient, uploadOutput } from "./build/upload.ts";
import type { Answer, Client } from "./client.ts";
import type { BlobSource, Driver } from "./driver.ts";
import { each } from "./each.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import { cachesIn, jobsIn, trimCaches, useCache } from "./leftovers.ts";
import { faultOf, layOut } from "./process/layout.ts";
import type { Seams } from "./seams.ts";
import { filesOf } from "./source.ts";
import type { Done } from "./task-loop.ts";

export interface BuildTaskOptions {
  /** Folder for sources, outputs and caches. */
  home: string;
  /** What caches may take of the disk. */
  cacheBytes: number;
  client: Pick<Client, "environment" | "missing" | "store" | "storePack">;
  lease: LeaseLoop;
  blobs: BlobSource & Pick<BlobCache, "keep">;
  driver: Pick<Driver, "build">;
  onLine(deployment: string, level: "info" | "warn" | "error", text: string): void;
}

const ATTEMPTS = 5;
/** Files that are taken into the cache at once. */
const KEPT_AT_ONCE = 16;

/** A failure that says all there is to say. */
class TaskProblem extends Error {
  readonly code: string;
  readonly fix: string;
  readonly isRetryable: boolean;
  /** Of the answer; 0 when there was none. */
  readonly status: number;

  constructor(code: string, detail: string, isRetryable: boolean, status = 0) {
    super(detail);
    this.code = code;
    this.fix = "Deploy again.";
    this.isRetryable = isRetryable;
    this.status = status;
  }
}

export async function workBuild(
  seams: Seams,
  options: BuildTaskOptions,
  task: BuildTask,
  signal: AbortSignal,
): Promise<Done> {
  const folder = join(jobsIn(options.home), `${task.id}.${task.attempt}`);
  const output = join(folder, "output");
  const insist = insisting(seams, options.lease, signal);
  const upload = (until: AbortSignal) =>
    uploadOutput(output, uploadCalls(seams, options, task), { signal: until });
  const work = async (): Promise<TaskResult> => {
    const source = await laidOut(options, task, folder, signal);
    const { id, attempt, deployment, project, target, branch } = task;
    const variables = await insist((epoch) => options.client.environment(id, epoch, attempt, signal));
    const cache = join(cachesIn(options.home), cacheName(project, target, branch));
    await useCache(cache, seams.clock.now());
    const onLine = (level: "info" | "warn" | "error", text: string) =>
      options.onLine(deployment, level, text);
    const end = await options.driver.build({ task, ...variables, source, output, cache, onLine }, signal);
    if (end.ok) {
      const files = await upload(signal);
      await keepFunctions(options, task, output, files, signal);
      return { ok: true, output: files };
    }
    const { code, detail, fix, isRetryable } = end;
    return { ok: false, failure: { code, detail, fix }, isRetryable };
  };
  const result = await work().catch(resultOf);
  if (!result.ok) options.onLine(task.deployment, "error", `${result.failure.detail} ${result.failure.fix}`);
  return {
    result,
    async resupply(_missing, until) {
      await upload(until);
    },
    async dispose() {
      await rm(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
      void trimCaches(cachesIn(options.home), options.cacheBytes, seams).catch(() => undefined);
    },
  };
}

/** This region will most likely run them, and then has them. */
async function keepFunctions(
  { blobs }: BuildTaskOptions,
  { team }: BuildTask,
  output: string,
  files: readonly OutputFile[],
  signal: AbortSignal,
): Promise<void> {
  const own = files.filter(({ path, link }) => link === undefined && path.startsWith("functions/"));
  await each(own, KEPT_AT_ONCE, ({ path, sha256 }) => blobs.keep(team, sha256, join(output, path), signal));
}

/** What the build itself says is wrong has a code and a fix; anything else may go better another time. */
function resultOf(error: unknown): TaskResult {
  const { code, fix, isRetryable = false } = error as Partial<TaskProblem>;
  const detail = error instanceof Error ? error.message : String(error);
  if (typeof code === "string" && typeof fix === "string")
    return { ok: false, failure: { code, detail, fix }, isRetryable };
  return { ok: false, failure: { code: "build_failed", detail, fix: "Deploy again." }, isRetryable: true };
}

async function laidOut(
  { blobs }: BuildTaskOptions,
  { team, source }: BuildTask,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const to = join(folder, "source");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = await filesOf(await blobs.fileOf(team, source, signal));
  const fault = faultOf(files);
  if (fault !== null) throw new TaskProblem("invalid_manifest", fault, false);
  await layOut(to, files, (digest) => blobs.fileOf(team, digest, signal), signal);
  return to;
}

/** The upload tries again by itself: only what the lease says about a call is told apart here. */
function uploadCalls(
  seams: Seams,
  { client, lease }: BuildTaskOptions,
  { id, attempt }: BuildTask,
): UploadClient {
  return {
    missing: (digests, signal) =>
      insisting(seams, lease, signal)((epoch) => client.missing(id, epoch, attempt, [...digests], signal)),
    async put(digest, body, signal) {
      await insisting(
        seams,
        lease,
        signal,
      )((epoch) => client.store(id, { epoch, attempt, sha256: digest }, body, signal));
    },
    async putPack(pack, signal) {
      await insisting(seams, lease, signal)((epoch) => client.storePack(id, epoch, attempt, pack, signal));
    },
  };
}

/** A call in whatever epoch is held, tried again while there is sense in it. */
function insisting(
  { clock, random }: Pick<Seams, "clock" | "random">,
  lease: LeaseLoop,
  signal: AbortSignal,
) {
  return async <T>(call: (epoch: number) => Promise<Answer<T>>): Promise<T> => {
    for (let failures = 1; ; failures++) {
      const epoch = await lease.granted(signal);
      if (epoch === null) throw new TaskProblem("canceled", "The build was ended.", true);
      const answer = await call(epoch);
      if (answer.ok) return answer.value;
      const { code, status, detail, retryAfterMs } = answer;
      if (code === "fenced") lease.lost(epoch);
      const isFinal = code !== "fenced" && isFinalStatus(status);
      if (isFinal || failures === ATTEMPTS || signal.aborted)
        throw new TaskProblem(code, detail, !isFinal, status);
      await clock.wait(backoffMs(failures, random(), retryAfterMs), signal);
    }
  };
}

/** The answer would be the same again. */
const isFinalStatus = (status: number): boolean =>
  status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
