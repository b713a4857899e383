/** Creating deployments: from an uploaded output, or again from one that is there. */
import { sql } from "drizzle-orm";
import { isUniqueFailure, mustHold, type Write } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { canonicalJson, sha256 } from "#core/encoding.ts";
import { newId } from "#core/ids.ts";
import { owe, settle } from "#core/outbox.ts";
import { Problem } from "#core/problem.ts";
import { DIGESTS_A_QUERY, findBlobs, insertBlob, storeBlob, touchBlobs } from "#features/blobs/service.ts";
import { manifestBlobs } from "#features/blobs/tables.ts";
import { effects } from "#features/effects.ts";
import { freeze } from "#features/env-vars/freeze.ts";
import { branchLabels, branchTarget, environmentLabels, immutableLabel } from "#features/hosts/names.ts";
import { firstFree, insertHost, insertHostOnce, oweHostCopy, pointerHost } from "#features/hosts/service.ts";
import { getProject, type ProjectRow } from "#features/projects/service.ts";
import { MAX_DEPLOYMENT_BYTES } from "./contract.ts";
import { checkManifest, type ManifestFile } from "./manifest.ts";
import { get, getRow } from "./read.ts";
import { deployments, type GitData, UNFINISHED } from "./tables.ts";

/** A name that is random, or free a moment ago, is rarely lost twice. */
const MAX_TRIES = 3;

interface CreateInput {
  target: string;
  git?: GitData | undefined;
  files: ManifestFile[];
  buildLog?: string | undefined;
}

export async function create(ctx: Ctx, idOrName: string, input: CreateInput) {
  const { id: project } = await getProject(ctx, idOrName);
  if (input.target === "development") {
    const detail = "Nothing is deployed to development: it is the environment of your own machine.";
    throw new Problem("invalid_input", detail, {
      fix: "Deploy to production, preview, or an environment of your own.",
    });
  }
  checkManifest(input.files, MAX_DEPLOYMENT_BYTES);
  await checkUploaded(ctx, input);
  const { digest: manifest, size } = await storeManifest(ctx, input.files);
  const bytes = input.files.reduce((sum, file) => sum + file.size, 0);
  const { target, git = null, buildLog = null } = input;
  const about = { manifest, bytes, fileCount: input.files.length, target, git, buildLog, redeployOf: null };
  const named = [...new Set([...digestsOf(input), manifest])];
  return insert(ctx, project, about, (id) => [insertBlob(ctx, manifest, size), ...nameBlobs(ctx, id, named)]);
}

/** The same output, today's variables. */
export async function redeploy(ctx: Ctx, idOrHost: string, to: string | undefined) {
  const before = await getRow(ctx, idOrHost);
  if (UNFINISHED.includes(before.status)) {
    throw new Problem("illegal_transition", "This deployment has not finished yet.", {
      fix: "Wait until it is ready, or cancel it first.",
    });
  }
  const { manifest, bytes, fileCount, git, projectId, target } = before;
  const about = { manifest, bytes, fileCount, git, target: to ?? target, buildLog: null };
  return insert(ctx, projectId, { ...about, redeployOf: before.id }, (id) => copyNames(ctx, before.id, id));
}

/** @throws Problem `missing_blobs` with all that the team lacks; nothing has changed then but that the rest was touched. */
async function checkUploaded(ctx: Ctx, input: CreateInput): Promise<void> {
  const { files } = input;
  const digests = [...new Set(digestsOf(input))];
  await touchBlobs(ctx, ctx.team, digests);
  const known = await findBlobs(ctx, ctx.team, digests);
  const missing = digests.filter((digest) => !known.has(digest));
  if (missing.length > 0) {
    throw new Problem("missing_blobs", `${missing.length} of ${digests.length} files are not uploaded yet.`, {
      fix: "PUT each of `missing` to /api/blobs/<sha256>, then create the deployment again.",
      extensions: { missing },
    });
  }
  for (const { path, sha256: digest, size } of files) {
    const stored = known.get(digest)?.size;
    if (stored !== size) {
      throw new Problem("size_mismatch", `${JSON.stringify(path)} has ${stored} bytes, not ${size}.`, {
        fix: "Give each file's size in bytes.",
        extensions: { path },
      });
    }
  }
}

const digestsOf = ({ files, buildLog }: CreateInput): string[] => [
  ...files.map((file) => file.sha256),
  ...(buildLog === undefined ? [] : [buildLog]),
];

/** The manifest is a blob like any other: equal outputs share it. */
async function storeManifest(ctx: Ctx, files: ManifestFile[]): Promise<{ digest: string; size: number }> {
  const sorted = files
    .map(({ path, sha256: digest, size }) => ({ path, sha256: digest, size }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const text = canonicalJson({ v: 1, files: sorted });
  const digest = await sha256(text);
  await storeBlob(ctx, digest, (store) => store(text));
  return { digest, size: new TextEncoder().encode(text).length };
}

interface About {
  manifest: string;
  bytes: number;
  fileCount: number;
  target: string;
  git: GitData | null;
  buildLog: string | null;
  redeployOf: string | null;
}

/** Tried again when somebody took one of its names meanwhile; what is gone by then is told as not found. */
async function insert(ctx: Ctx, project: string, about: About, naming: (id: string) => Write[]) {
  for (let tries = 1; ; tries++) {
    try {
      return await insertOnce(ctx, await getProject(ctx, project), about, naming);
    } catch (error) {
      const isLost = isUniqueFailure(error) || (error instanceof Problem && error.code === "conflict");
      if (!isLost || tries === MAX_TRIES) throw error;
    }
  }
}

async function insertOnce(ctx: Ctx, project: ProjectRow, about: About, naming: (id: string) => Write[]) {
  const { target, git } = about;
  const now = ctx.clock.now();
  const id = newId("deployment", now, ctx.random);
  const branch = git?.branch ?? null;
  const [envDigest, taken, hostname] = await Promise.all([
    freeze(ctx, project.id, target, branch),
    pointersTaken(ctx, project, target, branch),
    firstFree(
      ctx,
      Array.from({ length: 3 }, () => immutableLabel(project.name, ctx.random.bytes(7))),
    ),
  ]);
  const row = { id, teamId: ctx.team, projectId: project.id, branch, hostname, envDigest, ...about };
  const times = { createdAt: now, updatedAt: now, createdBy: ctx.actor.id };
  const host = { projectId: project.id, teamId: ctx.team, createdAt: now };
  const start = owe(ctx, "deployment.start", { deployment: id });
  const copies = [hostname, ...taken.flatMap((one) => one.hostname ?? [])].map((name) =>
    oweHostCopy(ctx, name),
  );
  await ctx.commit(
    {
      action: "deployment.create",
      target: id,
      detail: { project: project.id, target, files: about.fileCount, redeployOf: about.redeployOf },
    },
    mustHold(ctx.db, sql`exists (select 1 from projects where id = ${project.id})`),
    ctx.db.insert(deployments).values({
      ...row,
      ...times,
      status: "queued",
      stateSeq: 0,
      pointerTargets: taken.map((one) => one.target),
    }),
    insertHost(ctx, { ...host, hostname, kind: "deployment", ref: id }),
    ...taken.flatMap((one) =>
      one.hostname === null
        ? []
        : insertHostOnce(ctx, { ...host, hostname: one.hostname, kind: "pointer", ref: one.target }),
    ),
    ...naming(id),
    ...[start, ...copies].map((one) => one.write),
  );
  await settle(ctx, effects, [...copies, start]);
  return get(ctx, id);
}

/** The pointers that a deployment takes, with the hosts that stand for them; production's was made with the project. */
async function pointersTaken(ctx: Ctx, project: ProjectRow, target: string, branch: string | null) {
  const taken: { target: string; hostname: string | null }[] = [];
  const take = async (of: string, labels: string[]) =>
    void taken.push({ target: of, hostname: await pointerHost(ctx, project.id, of, labels) });
  if (target === "production") taken.push({ target, hostname: null });
  else if (target !== "preview") {
    const digest = await sha256(`${project.id} env ${target}`);
    await take(`env:${target}`, environmentLabels(project.name, target, digest));
  }
  if (branch !== null && (target === "production" || target === "preview")) {
    const digest = await sha256(`${project.id} branch ${branch}`);
    await take(branchTarget(branch, digest), branchLabels(project.name, branch, digest));
  }
  return taken;
}

/** Tells the collector what the manifest names, by as few statements as there can be. */
function nameBlobs(ctx: Ctx, id: string, named: string[]): Write[] {
  const writes: Write[] = [];
  for (let at = 0; at < named.length; at += DIGESTS_A_QUERY) {
    const list = JSON.stringify(named.slice(at, at + DIGESTS_A_QUERY));
    writes.push(
      ctx.db.insert(manifestBlobs).select(sql`select ${ctx.team}, value, ${id} from json_each(${list})`),
    );
  }
  return writes;
}

/** The same names, as long as they are there: with the deployment they go, and its blobs may be gone then. */
const copyNames = (ctx: Ctx, from: string, id: string): Write[] => [
  mustHold(ctx.db, sql`exists (select 1 from manifest_blobs where deployment_id = ${from})`),
  ctx.db
    .insert(manifestBlobs)
    .select(sql`select team_id, sha256, ${id} from manifest_blobs where deployment_id = ${from}`),
];
