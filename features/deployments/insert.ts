/** A deployment's row with its hosts, its names and what it owes, in one commit; then its life begins. */
import { sql } from "drizzle-orm";
import { type Audit, isUniqueFailure, mustHold, type Write } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { newId } from "#core/ids.ts";
import { owe, settle } from "#core/outbox.ts";
import { Problem } from "#core/problem.ts";
import { effects } from "#features/effects.ts";
import { freeze } from "#features/env-vars/freeze.ts";
import { branchLabels, branchTarget, environmentLabels, immutableLabel } from "#features/hosts/names.ts";
import { insertHost, insertHostOnce, pointerHost } from "#features/hosts/service.ts";
import type { Plan } from "#features/pointers/rolling.ts";
import { getProject, type NewProject, type ProjectRow } from "#features/projects/service.ts";
import { placementOf } from "./placement.ts";
import { type DeploymentRow, shape } from "./show.ts";
import type { Source } from "./state.ts";
import { deployments, type GitData } from "./tables.ts";

/** A name that is random, or free a moment ago, is rarely lost twice. */
const MAX_TRIES = 3;

export interface About {
  /** Empty: it is to be built. */
  manifest: string;
  source: Source | null;
  bytes: number;
  fileCount: number;
  target: string;
  git: GitData | null;
  buildLog: string | null;
  percent: number | null;
  rolling: Plan | null;
  redeployOf: string | null;
}

/**
 * Tried again when somebody took one of its names meanwhile; what is gone by then is told as not found.
 *
 * @param naming Tells the collector what the deployment of this id names.
 */
export async function insert(ctx: Ctx, project: ProjectRow, about: About, naming: (id: string) => Write[]) {
  for (let tries = 1, current = project; ; tries++) {
    try {
      return await insertOnce(ctx, { project: current }, about, naming);
    } catch (error) {
      if (!isLostName(error) || tries === MAX_TRIES) throw error;
      current = await getProject(ctx, project.id);
    }
  }
}

/** Somebody took one of its names meanwhile: worth another try. */
export const isLostName = (error: unknown): boolean =>
  isUniqueFailure(error) || (error instanceof Problem && error.code === "conflict");

export interface Place {
  project: ProjectRow;
  /** Set when it is made in the same commit. */
  fresh?: NewProject;
  /** The entry; without it, that a deployment was created. */
  audit?: Audit;
}

export async function insertOnce(ctx: Ctx, place: Place, about: About, naming: (id: string) => Write[]) {
  const { project, fresh } = place;
  const { target, git } = about;
  const now = ctx.clock.now();
  const id = newId("deployment", now, ctx.random);
  const branch = git?.branch ?? null;
  const [envDigest, placement, taken] = await Promise.all([
    freeze(ctx, project.id, target, branch),
    placementOf(ctx, project.settings),
    fresh
      ? [{ target: "production", hostname: fresh.hostname, isNew: false }]
      : pointersTaken(ctx, project, target, branch),
  ]);
  const hostname = `${immutableLabel(project.name, ctx.random.bytes(7))}.${ctx.deployDomain}`;
  const pointerTargets = taken.map((one) => one.target);
  const owner = { projectId: project.id, teamId: ctx.team, createdAt: now };
  const row: DeploymentRow = {
    ...UNBEGUN,
    ...owner,
    ...about,
    id,
    branch,
    hostname,
    envDigest,
    placement,
    pointerTargets,
    createdBy: ctx.actor.id,
    updatedAt: now,
  };
  const made = [hostname, ...taken.filter((one) => one.isNew).map((one) => one.hostname)];
  const begin = owe(ctx, "deployment.start", { deployment: id, hosts: made.join(" ") });
  const detail = { project: project.id, target, files: about.fileCount, redeployOf: about.redeployOf };
  await ctx.commit(
    place.audit ?? { action: "deployment.create", target: id, detail },
    ...(fresh?.writes ?? []),
    mustHold(ctx.db, sql`exists (select 1 from projects where id = ${project.id})`),
    ctx.db.insert(deployments).values(row),
    insertHost(ctx, { ...owner, hostname, kind: "deployment", ref: id }),
    ...taken.flatMap((one) =>
      insertHostOnce(ctx, { ...owner, hostname: one.hostname, kind: "pointer", ref: one.target }),
    ),
    ...naming(id),
    begin.write,
  );
  await settle(ctx, effects, [...(fresh?.owed ?? []), begin]);
  return shape(ctx, row, { project: project.name, aliases: taken.map((one) => one.hostname), liveOn: [] });
}

/** The columns that its object owns. */
const UNBEGUN = {
  status: "queued",
  stateSeq: 0,
  site: null,
  running: null,
  readyAt: null,
  errorCode: null,
  errorDetail: null,
  errorFix: null,
  pinnedUntil: 0,
  removingUntil: 0,
} as const;

/** The pointers that a deployment takes, with the hosts that stand for them; production's was made with the project. */
async function pointersTaken(ctx: Ctx, project: ProjectRow, target: string, branch: string | null) {
  const wanted: { target: string; labels: string[] }[] = [];
  if (target === "production") wanted.push({ target, labels: [] });
  else if (target !== "preview") {
    const digest = await sha256(`${project.id} env ${target}`);
    wanted.push({ target: `env:${target}`, labels: environmentLabels(project.name, target, digest) });
  }
  if (branch !== null && (target === "production" || target === "preview")) {
    const digest = await sha256(`${project.id} branch ${branch}`);
    wanted.push({
      target: branchTarget(branch, digest),
      labels: branchLabels(project.name, branch, digest),
    });
  }
  return Promise.all(
    wanted.map(async ({ target: of, labels }) => ({
      target: of,
      ...(await pointerHost(ctx, project.id, of, labels)),
    })),
  );
}
