/** Projects and their settings. */
import { and, asc, eq, gt, like, or } from "drizzle-orm";
import { isUniqueFailure, mustChange, type Write } from "#core/commit.ts";
import { addressOf, type Base, type Ctx } from "#core/ctx.ts";
import { newId } from "#core/ids.ts";
import { type Owed, owe, settle } from "#core/outbox.ts";
import { fromCursor, toPageById } from "#core/page.ts";
import { notFound, Problem } from "#core/problem.ts";
import { isOneOf } from "#core/sql.ts";
import { teams } from "#features/accounts/tables.ts";
import { checkRegions } from "#features/deployments/placement.ts";
import { effects } from "#features/effects.ts";
import { envVars, envVarTargets } from "#features/env-vars/tables.ts";
import { isReserved, productionLabels } from "#features/hosts/names.ts";
import { firstFree, insertHost, oweHostCopy } from "#features/hosts/service.ts";
import { hosts } from "#features/hosts/tables.ts";
import { pointers } from "#features/pointers/tables.ts";
import { DEFAULTS, type SettingsChange, withChange } from "./settings.ts";
import { projectSettings, projects } from "./tables.ts";

/** A host that was free a moment ago is rarely lost twice. */
const MAX_TRIES = 3;

export type ProjectRow = typeof projects.$inferSelect;

/** @throws Problem `not_found`, also when it is another team's. */
export async function getProject(ctx: Ctx, idOrName: string): Promise<ProjectRow> {
  const named = or(eq(projects.id, idOrName), eq(projects.name, idOrName));
  const [row] = await ctx.db
    .select()
    .from(projects)
    .where(and(eq(projects.teamId, ctx.team), named));
  if (!row) throw notFound("project");
  return row;
}

export async function get(ctx: Ctx, idOrName: string) {
  const [shown] = await show(ctx, [await getProject(ctx, idOrName)]);
  if (!shown) throw notFound("project");
  return shown;
}

interface ListInput {
  limit: number;
  cursor?: string | undefined;
  search?: string | undefined;
}

export async function list(ctx: Ctx, { limit, cursor, search }: ListInput) {
  const after = fromCursor(cursor);
  const rows = await ctx.db
    .select()
    .from(projects)
    .where(
      and(
        eq(projects.teamId, ctx.team),
        after === null ? undefined : gt(projects.id, after),
        search === undefined ? undefined : like(projects.name, `%${search.replace(/[%_]/g, "")}%`),
      ),
    )
    .orderBy(asc(projects.id))
    .limit(limit + 1);
  return toPageById(rows, limit, (shown) => show(ctx, shown));
}

export async function create(ctx: Ctx, input: { name: string; settings?: SettingsChange | undefined }) {
  for (let tries = 1; ; tries++) {
    const { row, writes, owed } = await planProject(ctx, { ...input, kind: "site" });
    try {
      await ctx.commit({ action: "project.create", target: row.id, detail: { name: row.name } }, ...writes);
      await settle(ctx, effects, owed);
      return get(ctx, row.id);
    } catch (cause) {
      if (!isUniqueFailure(cause)) throw cause;
      await refuseTaken(ctx, input.name, cause);
      // The name is free, so somebody else took the host meanwhile; the next one will do.
      if (tries === MAX_TRIES) throw cause;
    }
  }
}

/** A project that is not there yet: the rows of a commit, and what they owe. */
export interface NewProject {
  row: ProjectRow;
  /** Production's. */
  hostname: string;
  writes: Write[];
  owed: Owed[];
}

/** @throws Problem `invalid_input` for a name of the platform's own, and what settings are refused for. */
export async function planProject(
  ctx: Ctx,
  {
    name,
    kind,
    settings: change = {},
  }: { name: string; kind: ProjectRow["kind"]; settings?: SettingsChange | undefined },
): Promise<NewProject> {
  if (isReserved(name)) {
    throw new Problem("invalid_input", `The name ${name} is kept for the platform.`, {
      fix: "Choose another name.",
    });
  }
  const settings = withChange(DEFAULTS, change);
  await checkRegions(ctx, regionsOf(change));
  const now = ctx.clock.now();
  const id = newId("project", now, ctx.random);
  const about = { teamId: ctx.team, name, kind, settings };
  const row: ProjectRow = { ...about, id, settingsVersion: 1, createdAt: now, updatedAt: now };
  const [team] = await ctx.db.select({ slug: teams.slug }).from(teams).where(eq(teams.id, ctx.team));
  const hostname = await firstFree(ctx, productionLabels(name, team?.slug ?? "", id));
  const owned = { projectId: id, teamId: ctx.team, createdAt: now };
  const owed = [oweHostCopy(ctx, hostname), owePolicy(ctx, id)];
  const version = { projectId: id, version: 1, settings, at: now, actorId: ctx.actor.id };
  return {
    row,
    hostname,
    owed,
    writes: [
      ctx.db.insert(projects).values(row),
      ctx.db.insert(projectSettings).values(version),
      insertHost(ctx, { ...owned, hostname, kind: "pointer", ref: "production" }),
      ...owed.map((one) => one.write),
    ],
  };
}

async function refuseTaken(ctx: Ctx, name: string, cause?: unknown): Promise<void> {
  const [taken] = await ctx.db
    .select({ id: projects.id })
    .from(projects)
    .where(and(eq(projects.teamId, ctx.team), eq(projects.name, name)));
  if (!taken) return;
  throw new Problem("name_taken", `There is a project called ${name} already.`, {
    fix: "Choose another name, or deploy to the one that is there.",
    cause,
  });
}

export async function update(
  ctx: Ctx,
  idOrName: string,
  input: { settings: SettingsChange; ifVersion?: number | undefined },
) {
  const row = await getProject(ctx, idOrName);
  if (input.ifVersion !== undefined && input.ifVersion !== row.settingsVersion) {
    throw new Problem(
      "conflict",
      `The settings are of version ${row.settingsVersion}, not ${input.ifVersion}.`,
      {
        fix: "Read the project again, and repeat the change if it still makes sense.",
      },
    );
  }
  const settings = withChange(row.settings, input.settings);
  await checkRegions(ctx, regionsOf(input.settings));
  const version = row.settingsVersion + 1;
  const now = ctx.clock.now();
  const owed = [owePolicy(ctx, row.id)];
  await ctx.commit(
    { action: "project.update", target: row.id, detail: { version, changed: Object.keys(input.settings) } },
    ctx.db
      .update(projects)
      .set({ settings, settingsVersion: version, updatedAt: now })
      .where(and(eq(projects.id, row.id), eq(projects.settingsVersion, row.settingsVersion))),
    mustChange(ctx.db),
    ctx.db
      .insert(projectSettings)
      .values({ projectId: row.id, version, settings, at: now, actorId: ctx.actor.id }),
    ...owed.map((one) => one.write),
  );
  await settle(ctx, effects, owed);
  return get(ctx, row.id);
}

/** Gone at once for callers; what it leaves behind is cleared by the effect, which can be resumed. */
export async function remove(ctx: Ctx, idOrName: string): Promise<void> {
  const row = await getProject(ctx, idOrName);
  const owed = owe(ctx, "project.purge", { project: row.id });
  await ctx.commit(
    { action: "project.remove", target: row.id, detail: { name: row.name } },
    ctx.db.delete(projects).where(eq(projects.id, row.id)),
    mustChange(ctx.db),
    ctx.db.delete(projectSettings).where(eq(projectSettings.projectId, row.id)),
    ctx.db.delete(envVars).where(eq(envVars.projectId, row.id)),
    ctx.db.delete(envVarTargets).where(eq(envVarTargets.projectId, row.id)),
    owed.write,
  );
  await settle(ctx, effects, [owed]);
}

const regionsOf = ({ regions, failover }: SettingsChange): string[] => [
  ...(regions ?? []),
  ...(failover ?? []),
];

const owePolicy = (base: Base, project: string): Owed => owe(base, "policy.copy", { project });

async function show(ctx: Ctx, rows: ProjectRow[]) {
  const ids = rows.map((row) => row.id);
  const ofProduction = and(isOneOf(hosts.projectId, ids), eq(hosts.ref, "production"));
  const [named, live] = await Promise.all([
    ctx.db.select().from(hosts).where(ofProduction),
    ctx.db
      .select()
      .from(pointers)
      .where(and(isOneOf(pointers.projectId, ids), eq(pointers.target, "production"))),
  ]);
  return rows.map((row) => {
    const host = named.find((one) => one.projectId === row.id);
    const pointer = live.find((one) => one.projectId === row.id);
    return {
      ...row,
      settings: { ...DEFAULTS, ...row.settings },
      url: host ? addressOf(ctx, host.hostname) : "",
      live: pointer?.liveDeployment
        ? { deploymentId: pointer.liveDeployment, epoch: pointer.epoch, held: pointer.held }
        : null,
      canary:
        pointer?.canaryDeployment && pointer.canaryPercent !== null
          ? { deploymentId: pointer.canaryDeployment, percent: pointer.canaryPercent }
          : null,
    };
  });
}
