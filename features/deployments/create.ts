/** Creating deployments: from an uploaded output, or again from one that is there. */
import { sql } from "drizzle-orm";
import type { Write } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { canonicalJson, sha256 } from "#core/encoding.ts";
import { newId } from "#core/ids.ts";
import { owe, settle } from "#core/outbox.ts";
import { Problem } from "#core/problem.ts";
import { DIGESTS_A_QUERY, findBlobs, insertBlob, touchBlobs } from "#features/blobs/service.ts";
import { manifestBlobs } from "#features/blobs/tables.ts";
import { effects } from "#features/effects.ts";
import { freeze } from "#features/env-vars/freeze.ts";
import { branchLabel, environmentLabel, immutableLabel } from "#features/hosts/names.ts";
import { firstFree, insertHost, insertHostOnce, oweHostCopy } from "#features/hosts/service.ts";
import { getProject, type ProjectRow } from "#features/projects/service.ts";
import { blobKey } from "#features/sites/site.ts";
import { MAX_DEPLOYMENT_BYTES } from "./contract.ts";
import { checkManifest, type ManifestFile } from "./manifest.ts";
import { get, getRow } from "./read.ts";
import { deployments, type GitData } from "./tables.ts";

interface CreateInput {
  target: string;
  git?: GitData | undefined;
  files: ManifestFile[];
  buildLog?: string | undefined;
}

export async function create(ctx: Ctx, idOrName: string, input: CreateInput) {
  const project = await getProject(ctx, idOrName);
  if (input.target === "development") {
    throw new Problem(
      "invalid_input",
      "Nothing is deployed to development: it is the environment of your own machine.",
      {
        fix: "Deploy to production, preview, or an environment of your own.",
      },
    );
  }
  checkManifest(input.files, MAX_DEPLOYMENT_BYTES);
  await checkUploaded(ctx, input);
  const manifest = await storeManifest(ctx, input.files);
  const bytes = input.files.reduce((sum, file) => sum + file.size, 0);
  const { target, git, buildLog } = input;
  const about = { manifest, bytes, fileCount: input.files.length, target, git: git ?? null };
  const named = [
    ...new Set([...input.files.map((file) => file.sha256), manifest, ...(buildLog ? [buildLog] : [])]),
  ];
  return insert(ctx, project, { ...about, buildLog: buildLog ?? null, redeployOf: null }, named);
}

/** The same output, today's variables. */
export async function redeploy(ctx: Ctx, idOrHost: string, target: string | undefined) {
  const before = await getRow(ctx, idOrHost);
  const project = await getProject(ctx, before.projectId);
  if (before.status === "queued" || before.status === "compiling" || before.status === "releasing") {
    throw new Problem("illegal_transition", "This deployment has not finished yet.", {
      fix: "Wait until it is ready, or cancel it first.",
    });
  }
  const { manifest, bytes, fileCount, git } = before;
  const about = { manifest, bytes, fileCount, git, target: target ?? before.target };
  return insert(ctx, project, { ...about, buildLog: null, redeployOf: before.id }, { from: before.id });
}

/** @throws Problem `missing_blobs` with all that the team lacks; nothing has changed then but that the rest was touched. */
async function checkUploaded(ctx: Ctx, { files, buildLog }: CreateInput): Promise<void> {
  const digests = [...new Set([...files.map((file) => file.sha256), ...(buildLog ? [buildLog] : [])])];
  const known = await findBlobs(ctx, ctx.team, digests);
  await touchBlobs(ctx, ctx.team, digests);
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

/** The manifest is a blob like any other: equal outputs share it. */
async function storeManifest(ctx: Ctx, files: ManifestFile[]): Promise<string> {
  const sorted = files
    .map(({ path, sha256: digest, size }) => ({ path, sha256: digest, size }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const text = canonicalJson({ v: 1, files: sorted });
  const digest = await sha256(text);
  await ctx.blobs.put(blobKey(ctx.team, digest), text, { sha256: digest });
  await insertBlob(ctx, digest, new TextEncoder().encode(text).length);
  return digest;
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

async function insert(ctx: Ctx, project: ProjectRow, about: About, named: string[] | { from: string }) {
  const { target, git } = about;
  const now = ctx.clock.now();
  const id = newId("deployment", now, ctx.random);
  const branch = git?.branch ?? null;
  const envDigest = await freeze(ctx, project.id, target, branch);
  const pointersTaken = await pointerHosts(ctx, project, target, branch);
  const labels = Array.from({ length: 3 }, () => immutableLabel(project.name, ctx.random.bytes(7)));
  const hostname = await firstFree(ctx, labels);
  const row = { id, teamId: ctx.team, projectId: project.id, branch, hostname, envDigest, ...about };
  const state = {
    status: "queued" as const,
    stateSeq: 0,
    createdAt: now,
    updatedAt: now,
    createdBy: ctx.actor.id,
  };
  const host = { projectId: project.id, teamId: ctx.team, createdAt: now };
  const start = owe(ctx, "deployment.start", { deployment: id });
  const copies = [hostname, ...pointersTaken.flatMap((one) => one.hostname ?? [])].map((name) =>
    oweHostCopy(ctx, name),
  );
  await ctx.commit(
    {
      action: "deployment.create",
      target: id,
      detail: { project: project.id, target, files: about.fileCount },
    },
    ctx.db
      .insert(deployments)
      .values({ ...row, ...state, pointerTargets: pointersTaken.map((one) => one.target) }),
    insertHost(ctx, { ...host, hostname, kind: "deployment", ref: id }),
    ...pointersTaken.flatMap((one) =>
      one.hostname
        ? [insertHostOnce(ctx, { ...host, hostname: one.hostname, kind: "pointer", ref: one.target })]
        : [],
    ),
    ...nameBlobs(ctx, id, named),
    ...[start, ...copies].map((one) => one.write),
  );
  await settle(ctx, effects, [...copies, start]);
  return get(ctx, id);
}

/** The pointers that a deployment takes, with the hosts that stand for them; production's was made with the project. */
async function pointerHosts(ctx: Ctx, project: ProjectRow, target: string, branch: string | null) {
  const taken: { target: string; hostname: string | null }[] = [];
  if (target === "production") taken.push({ target: "production", hostname: null });
  else if (target !== "preview") {
    const label = environmentLabel(project.name, target, await sha256(`${project.id} env ${target}`));
    taken.push({ target: `env:${target}`, hostname: `${label}.${ctx.deployDomain}` });
  }
  if (branch !== null && (target === "production" || target === "preview")) {
    const label = branchLabel(project.name, branch, await sha256(`${project.id} branch ${branch}`));
    taken.push({ target: `branch:${label}`, hostname: `${label}.${ctx.deployDomain}` });
  }
  return taken;
}

/** Tells the collector what the manifest names, by as few statements as there can be. */
function nameBlobs(ctx: Ctx, id: string, named: string[] | { from: string }): Write[] {
  if (!Array.isArray(named)) {
    const from = sql`select team_id, sha256, ${id} from manifest_blobs where deployment_id = ${named.from}`;
    return [ctx.db.insert(manifestBlobs).select(from)];
  }
  const writes: Write[] = [];
  for (let at = 0; at < named.length; at += DIGESTS_A_QUERY) {
    const list = JSON.stringify(named.slice(at, at + DIGESTS_A_QUERY));
    writes.push(
      ctx.db.insert(manifestBlobs).select(sql`select ${ctx.team}, value, ${id} from json_each(${list})`),
    );
  }
  return writes;
}
