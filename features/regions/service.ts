/** Regions of a team: adding, changing and removing them. Who acts for one, and what it runs, is its object's. */
import { and, asc, eq, gt, isNull, or, sql } from "drizzle-orm";
import { isUniqueFailure, mustChange } from "#core/commit.ts";
import type { Ctx } from "#core/ctx.ts";
import { sha256 } from "#core/encoding.ts";
import { newId } from "#core/ids.ts";
import { owe, settle } from "#core/outbox.ts";
import { fromCursor, toPageById } from "#core/page.ts";
import { notFound, Problem } from "#core/problem.ts";
import { byOf, reach } from "#features/deployments/objects.ts";
import { effects } from "#features/effects.ts";
import { copyRegion } from "./effects.ts";
import { drawIngressKey, newRegionSecret } from "./secret.ts";
import { type RegionRow, show, showDetail, showInList, stubOf } from "./show.ts";
import { regions } from "./tables.ts";

interface ListInput {
  limit: number;
  cursor?: string | undefined;
}

export async function list(ctx: Ctx, { limit, cursor }: ListInput) {
  const after = fromCursor(cursor);
  const rows = await ctx.db
    .select()
    .from(regions)
    .where(and(usable(ctx), after === null ? undefined : gt(regions.id, after)))
    .orderBy(asc(regions.id))
    .limit(limit + 1);
  return toPageById(rows, limit, (shown) => Promise.all(shown.map((row) => showInList(ctx, row))));
}

export async function get(ctx: Ctx, idOrName: string) {
  return showDetail(ctx, await findRow(ctx, idOrName, usable(ctx)));
}

interface CreateInput {
  name: string;
  latitude: number;
  longitude: number;
  weight: number;
  isShared: boolean;
}

export async function create(ctx: Ctx, input: CreateInput) {
  const now = ctx.clock.now();
  const id = newId("region", now, ctx.random);
  const token = newRegionSecret("cfyr", id, ctx.random);
  const own = { id, teamId: ctx.team, settingsVersion: 1, createdAt: now, removedAt: null };
  const row: RegionRow = { ...input, ...own };
  const owed = owe(ctx, "region.copy", { region: id, token: await sha256(token) });
  const { name, isShared } = input;
  await refusingTwins(name, () =>
    ctx.commit(
      { action: "region.create", target: id, detail: { name, isShared } },
      ctx.db.insert(regions).values(row),
      owed.write,
    ),
  );
  await settle(ctx, effects, [owed]);
  return { ...(await show(ctx, row)), token };
}

type Change = { [K in keyof CreateInput]?: CreateInput[K] | undefined };

export async function update(ctx: Ctx, idOrName: string, change: Change) {
  const { id, name } = await findOwn(ctx, idOrName);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const settingsVersion = sql`${regions.settingsVersion} + 1`;
  const owed = owe(ctx, "region.copy", { region: id });
  await refusingTwins(change.name ?? name, () =>
    ctx.commit(
      { action: "region.update", target: id, detail: given },
      // The given columns alone: another change may be under way.
      ctx.db
        .update(regions)
        .set({ ...given, settingsVersion })
        .where(isThere(id)),
      mustChange(ctx.db),
      owed.write,
    ),
  );
  await settle(ctx, effects, [owed]);
  return show(ctx, await findOwn(ctx, id));
}

/** Refused while deployments are to run there, unless that is what is wanted. */
export async function remove(ctx: Ctx, idOrName: string, isForced: boolean): Promise<void> {
  const row = await findOwn(ctx, idOrName);
  const { deployments } = await show(ctx, row);
  if (deployments.length > 0 && !isForced) {
    throw new Problem("in_use", `${deployments.length} deployments are to run in ${row.name}.`, {
      fix: "Drain it and redeploy them elsewhere, or remove it with `--force`: what runs there is then told to end.",
      extensions: { deployments: deployments.map(({ id }) => id) },
    });
  }
  const owed = owe(ctx, "region.copy", { region: row.id });
  await ctx.commit(
    { action: "region.remove", target: row.id, detail: { name: row.name, isForced } },
    ctx.db.update(regions).set({ removedAt: ctx.clock.now() }).where(isThere(row.id)),
    mustChange(ctx.db),
    owed.write,
  );
  await settle(ctx, effects, [owed]);
}

export async function drain(ctx: Ctx, idOrName: string, isDraining: boolean) {
  const row = await findOwn(ctx, idOrName);
  const by = byOf(ctx, "region.drain", row.id);
  const audit = { ...by.audit, detail: { isDraining } };
  await reach(async () => {
    await tellOf(ctx, row);
    await stubOf(ctx, row.id).setDraining(isDraining, { ...by, audit });
  });
  return show(ctx, row);
}

export async function renewToken(ctx: Ctx, idOrName: string) {
  const row = await findOwn(ctx, idOrName);
  const token = newRegionSecret("cfyr", row.id, ctx.random);
  const hash = await sha256(token);
  const { sealed } = await drawIngressKey(ctx, row.id);
  await reach(async () => {
    await tellOf(ctx, row);
    await stubOf(ctx, row.id).renewToken(hash, sealed, byOf(ctx, "region.token", row.id));
  });
  return { ...(await show(ctx, row)), token };
}

/** Its object may not have heard of it yet, and would then do nothing of what it is asked. */
const tellOf = (ctx: Ctx, { id }: RegionRow): Promise<void> => copyRegion(ctx, { region: id });

const isThere = (id: string) => and(eq(regions.id, id), isNull(regions.removedAt));

/** The team's own, and what others share. */
const usable = (ctx: Ctx) =>
  and(isNull(regions.removedAt), or(eq(regions.teamId, ctx.team), eq(regions.isShared, true)));

const findOwn = (ctx: Ctx, idOrName: string): Promise<RegionRow> =>
  findRow(ctx, idOrName, and(isNull(regions.removedAt), eq(regions.teamId, ctx.team)));

/** The team's own goes before another's of the same name. @throws Problem `not_found` */
async function findRow(ctx: Ctx, idOrName: string, among: ReturnType<typeof and>): Promise<RegionRow> {
  const rows = await ctx.db
    .select()
    .from(regions)
    .where(and(among, or(eq(regions.id, idOrName), eq(regions.name, idOrName))))
    .orderBy(asc(regions.id));
  const row = rows.find((one) => one.id === idOrName || one.teamId === ctx.team) ?? rows[0];
  if (!row) throw notFound("region");
  return row;
}

async function refusingTwins(name: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    if (!isUniqueFailure(cause)) throw cause;
    throw new Problem("name_taken", `There is a region called ${name} already.`, {
      fix: "Choose another name; `cloudify regions token NAME` makes a new token for the one that is there.",
      cause,
    });
  }
}
