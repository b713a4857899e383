/** Environment variables: sealed at rest, read back only when they are not sensitive. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import { isUniqueFailure, mustChange, mustHold } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { newId } from "#core/ids.ts";
import { fromCursor, toPageById } from "#core/page.ts";
import { notFound, Problem } from "#core/problem.ts";
import { type KeyRing, open, seal, sealedBytes } from "#core/seal.ts";
import { getProject } from "#features/projects/service.ts";
import { dataKeyOf } from "./keys.ts";
import { refuseOversize } from "./limit.ts";
import { choose, isReservedKey } from "./rules.ts";
import { envVars, envVarTargets } from "./tables.ts";

type Row = typeof envVars.$inferSelect;

interface ListInput {
  limit: number;
  cursor?: string | undefined;
  target?: string | undefined;
  branch?: string | undefined;
}

export async function list(ctx: Ctx, project: string, { limit, cursor, target, branch }: ListInput) {
  const { id } = await getProject(ctx, project);
  const after = fromCursor(cursor);
  const rows = await ctx.db
    .select()
    .from(envVars)
    .where(
      and(
        eq(envVars.projectId, id),
        after === null ? undefined : gt(envVars.id, after),
        branch === undefined ? undefined : eq(envVars.branch, branch),
      ),
    )
    .orderBy(asc(envVars.id));
  const wanted = rows.filter((row) => target === undefined || row.targets.includes(target));
  const keys = await dataKeyOf(ctx, ctx.team);
  return toPageById(wanted, limit, (shown) => Promise.all(shown.map((row) => show(ctx, keys, row))));
}

interface CreateInput {
  key: string;
  value: string;
  targets: string[];
  branch?: string | undefined;
  sensitive: boolean;
}

export async function create(ctx: Ctx, project: string, input: CreateInput) {
  const { id: projectId } = await getProject(ctx, project);
  if (isReservedKey(input.key)) {
    throw new Problem("invalid_input", `${input.key} is set by the platform itself.`, {
      fix: "Choose another name.",
    });
  }
  const branch = input.branch ?? "";
  const targets = [...new Set(input.targets)];
  if (branch !== "" && targets.some((target) => target !== "preview")) {
    throw new Problem("invalid_input", "A variable of one branch can only be for preview.", {
      fix: "Give the target preview alone, or leave the branch out.",
    });
  }
  const now = ctx.clock.now();
  const id = newId("envVar", now, ctx.random);
  const keys = await dataKeyOf(ctx, ctx.team);
  const sealed = await seal(keys, input.value, boundTo(ctx, projectId, id), ctx.random);
  const { key, sensitive } = input;
  const row = { id, projectId, key, sealed, targets, branch, sensitive, createdAt: now, updatedAt: now };
  await refuseTooMuch(ctx, row);
  await refusingTwins(input.key, () =>
    ctx.commit(
      { action: "env.create", target: id, detail: { projectId, key, targets, branch, sensitive } },
      mustHold(ctx.db, sql`exists (select 1 from projects where id = ${projectId})`),
      ctx.db.insert(envVars).values(row),
      ctx.db.insert(envVarTargets).values(targetRows(row)),
    ),
  );
  return show(ctx, keys, row);
}

interface UpdateInput {
  value?: string | undefined;
  targets?: string[] | undefined;
  sensitive?: true | undefined;
}

export async function update(ctx: Ctx, project: string, id: string, input: UpdateInput) {
  const row = await getOne(ctx, project, id);
  const keys = await dataKeyOf(ctx, ctx.team);
  const sealed =
    input.value === undefined
      ? row.sealed
      : await seal(keys, input.value, boundTo(ctx, row.projectId, id), ctx.random);
  const targets = input.targets ? [...new Set(input.targets)] : row.targets;
  const sensitive = row.sensitive || input.sensitive === true;
  // Strictly later, so that it tells one version from the next even within a millisecond.
  const updatedAt = Math.max(ctx.clock.now(), row.updatedAt + 1);
  const changed = { ...row, sealed, targets, sensitive, updatedAt };
  if (row.branch !== "" && targets.some((target) => target !== "preview")) {
    throw new Problem("invalid_input", "A variable of one branch can only be for preview.", {
      fix: "Give the target preview alone, or add a variable without a branch.",
    });
  }
  await refuseTooMuch(ctx, changed);
  await refusingTwins(row.key, () =>
    ctx.commit(
      { action: "env.update", target: id, detail: { key: row.key, changed: Object.keys(input), targets } },
      // Two at once: what the other made sensitive must not become readable by what was read before.
      ctx.db
        .update(envVars)
        .set(changed)
        .where(and(eq(envVars.id, id), eq(envVars.updatedAt, row.updatedAt))),
      mustChange(ctx.db),
      ctx.db.delete(envVarTargets).where(eq(envVarTargets.envVarId, id)),
      ctx.db.insert(envVarTargets).values(targetRows(changed)),
    ),
  );
  return show(ctx, keys, changed);
}

export async function remove(ctx: Ctx, project: string, id: string): Promise<void> {
  const row = await getOne(ctx, project, id);
  await ctx.commit(
    { action: "env.remove", target: id, detail: { key: row.key } },
    ctx.db.delete(envVars).where(eq(envVars.id, id)),
    mustChange(ctx.db),
    ctx.db.delete(envVarTargets).where(eq(envVarTargets.envVarId, id)),
  );
}

export async function pull(ctx: Ctx, project: string, target: string, branch: string | null) {
  const { id } = await getProject(ctx, project);
  const values = await valuesOf(ctx, id, target, branch);
  return {
    env: Object.fromEntries(values.filter((one) => !one.sensitive).map((one) => [one.key, one.value])),
    sensitive: values.filter((one) => one.sensitive).map((one) => one.key),
  };
}

/** Opened values of one target, in order of their keys. */
export async function valuesOf(ctx: Ctx, projectId: string, target: string, branch: string | null) {
  const rows = await ctx.db.select().from(envVars).where(eq(envVars.projectId, projectId));
  const keys = await dataKeyOf(ctx, ctx.team);
  return Promise.all(
    choose(rows, target, branch).map(async (row) => ({
      key: row.key,
      value: await open(keys, row.sealed, boundTo(ctx, row.projectId, row.id)),
      sensitive: row.sensitive,
    })),
  );
}

async function getOne(ctx: Ctx, project: string, id: string): Promise<Row> {
  const { id: projectId } = await getProject(ctx, project);
  const [row] = await ctx.db
    .select()
    .from(envVars)
    .where(and(eq(envVars.id, id), eq(envVars.projectId, projectId)));
  if (!row) throw notFound("variable");
  return row;
}

async function show(ctx: Ctx, keys: KeyRing, { sealed, ...row }: Row) {
  const value = row.sensitive ? null : await open(keys, sealed, boundTo(ctx, row.projectId, row.id));
  return { ...row, value, branch: row.branch === "" ? null : row.branch };
}

const boundTo = (ctx: Ctx, project: string, id: string): string => `env:${ctx.team}:${project}:${id}`;

const targetRows = (row: Row) =>
  row.targets.map((target) => ({
    envVarId: row.id,
    projectId: row.projectId,
    key: row.key,
    target,
    branch: row.branch,
  }));

/** At once rather than at the next deployment, which checks again: a branch's own variables may be the larger. */
async function refuseTooMuch(ctx: Ctx, changed: Row): Promise<void> {
  const rows = await ctx.db.select().from(envVars).where(eq(envVars.projectId, changed.projectId));
  const all = [...rows.filter((row) => row.id !== changed.id), changed];
  for (const target of changed.targets) {
    const chosen = choose(all, target, changed.branch === "" ? null : changed.branch);
    refuseOversize(
      target,
      chosen.map((row) => ({ key: row.key, bytes: sealedBytes(row.sealed) })),
    );
  }
}

async function refusingTwins(key: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    if (!isUniqueFailure(cause)) throw cause;
    throw new Problem("name_taken", `${key} is set already for one of these targets.`, {
      fix: "Change the variable that is there, or remove it first (`cloudify env rm`).",
      cause,
    });
  }
}
