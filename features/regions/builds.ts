/** What an agent needs to build a deployment, and what becomes of the output. It acts for the deployment's team only. */
import {
  type BuildTask,
  type CompleteRequest,
  guardedNames,
  type OutputFile,
  type TaskEnvironment,
} from "@cloudify/protocol";
import { eq, sql } from "drizzle-orm";
import { mustHold } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { derivedId } from "#core/ids.ts";
import { Problem } from "#core/problem.ts";
import { putPack } from "#features/blobs/pack.ts";
import { insertBlob, keepBlobs, put, storeBlob } from "#features/blobs/service.ts";
import { MAX_DEPLOYMENT_BYTES } from "#features/deployments/contract.ts";
import { checkUploaded, manifestOf, nameBlobs } from "#features/deployments/create.ts";
import { checkManifest } from "#features/deployments/manifest.ts";
import { reach } from "#features/deployments/objects.ts";
import { deployments } from "#features/deployments/tables.ts";
import { valuesOf } from "#features/env-vars/service.ts";
import { systemVariables } from "#features/functions/system.ts";
import { maskFor } from "#features/logs/mask.ts";
import { type Caller, contextFor } from "./caller.ts";
import { deniedProblem, heard } from "./denied.ts";
import type { Result } from "./tasks.ts";

interface Attempt {
  id: string;
  epoch: number;
  attempt: number;
}

export async function environment(caller: Caller, attempt: Attempt): Promise<TaskEnvironment> {
  const task = await taskOf(caller, attempt);
  const { deployment, project, target, branch, url } = task;
  const values = await valuesOf(contextFor(caller, task.team), project, target, branch);
  // A package manager that finds NODE_ENV leaves out what only builds need.
  const { NODE_ENV: _, ...system } = systemVariables({ deployment, project, url, target, branch });
  const own = Object.fromEntries(values.map(({ key, value }) => [key, value]));
  const sensitive = values.filter((one) => one.sensitive).map((one) => one.key);
  return { env: { ...own, ...system }, secrets: guardedNames(values), sensitive };
}

export async function missing(
  caller: Caller,
  attempt: Attempt,
  digests: readonly string[],
): Promise<string[]> {
  const { team } = await taskOf(caller, attempt);
  const known = await keepBlobs(caller.base, team, digests);
  return [...new Set(digests)].filter((digest) => !known.has(digest));
}

export async function putBlob(caller: Caller, attempt: Attempt, sha256: string, request: Request) {
  const { team } = await taskOf(caller, attempt);
  return put(contextFor(caller, team), sha256, request);
}

export async function putBlobs(caller: Caller, attempt: Attempt, request: Request) {
  const { team } = await taskOf(caller, attempt);
  return putPack(contextFor(caller, team), request);
}

/** @throws Problem `missing_blobs`; the task goes on then. */
export async function complete(caller: Caller, id: string, request: CompleteRequest) {
  const { epoch, attempt, result } = request;
  const held = await reach(async () => await caller.stub.task(caller.credential, id, { epoch, attempt }));
  if (!held.ok && held.reason === "over") return { isAccepted: held.isAccepted };
  const { task } = heard(held);
  const settled = result.ok ? await takeOutput(contextFor(caller, task.team), task, result.output) : result;
  const answer = await reach(
    async () => await caller.stub.complete(caller.credential, id, { epoch, attempt, result: settled }),
  );
  return { isAccepted: heard(answer).isAccepted };
}

/** @throws Problem `not_found` when this attempt is not in the agent's hands any more. */
async function taskOf({ stub, credential }: Caller, { id, ...attempt }: Attempt): Promise<BuildTask> {
  const held = await reach(async () => await stub.task(credential, id, attempt));
  if (held.ok) return held.task;
  if (held.reason !== "over") throw deniedProblem(held);
  throw new Problem("not_found", "This attempt at the task is over.", { fix: "End it, and claim another." });
}

/** An output that no deployment can be made of fails the build: sent again, it would be the same. */
async function takeOutput(ctx: Ctx, task: BuildTask, files: OutputFile[]): Promise<Result> {
  try {
    return await keepOutput(ctx, task, files);
  } catch (error) {
    if (!(error instanceof Problem) || !FINAL.some((code) => code === error.code)) throw error;
    const { code, message, fix = "Correct the build, then deploy again." } = error;
    // It names files, and a build may have named them by anything.
    const detail = maskFor(await guardedValues(ctx, task)).mask(message);
    return { ok: false, failure: { code, detail, fix }, isRetryable: false };
  }
}

async function guardedValues(ctx: Ctx, { project, target, branch }: BuildTask): Promise<string[]> {
  const values = await valuesOf(ctx, project, target, branch);
  const names = new Set(guardedNames(values));
  return values.filter(({ key }) => names.has(key)).map(({ value }) => value);
}

const FINAL = ["invalid_manifest", "too_large", "size_mismatch", "conflict"] as const;

/** The deployment names the output's files before anybody is told of them, so that the collector leaves them. */
async function keepOutput(
  ctx: Ctx,
  { deployment, attempt }: BuildTask,
  files: OutputFile[],
): Promise<Result> {
  checkManifest(files, MAX_DEPLOYMENT_BYTES);
  const { text, digest } = await manifestOf(files);
  const isKnown = await checkUploaded(ctx, { files }, digest);
  if (!isKnown) await storeBlob(ctx, digest, (store) => store(text));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const named = [...new Set([...files.map((file) => file.sha256), digest])];
  const detail = { files: files.length, bytes };
  // An agent whose answer was lost completes again: that is one build.
  const entryId = await derivedId("auditEntry", `build ${deployment} ${attempt}`);
  await ctx.commit(
    { action: "deployment.build", target: deployment, detail, entryId },
    mustHold(ctx.db, sql`exists ${ctx.db.select().from(deployments).where(eq(deployments.id, deployment))}`),
    insertBlob(ctx, digest, new TextEncoder().encode(text).length),
    ...nameBlobs(ctx, deployment, named),
  );
  return { ok: true, manifest: digest, bytes, fileCount: files.length };
}
