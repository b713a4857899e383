/** A region as callers see it: what D1 has of it, and how its object says it does. */
import type { Ctx } from "#core/ctx.ts";
import { reach } from "#features/deployments/objects.ts";
import type { RegionControl, RegionView } from "./control.ts";
import { type Reached, reachIngress } from "./ingress.ts";
import { noLease } from "./lease.ts";
import { readiness } from "./statuses.ts";
import type { regions } from "./tables.ts";

export type RegionRow = typeof regions.$inferSelect;

export const stubOf = ({ objects }: Pick<Ctx, "objects">, id: string): DurableObjectStub<RegionControl> =>
  objects.regions.get(objects.regions.idFromName(id));

/** In a list: one whose object does not answer is shown as what D1 has of it, and the others as they are. */
export async function showInList(ctx: Ctx, row: RegionRow) {
  const view = await stubOf(ctx, row.id)
    .inspect()
    .catch((error: unknown) => {
      console.warn(JSON.stringify({ level: "warn", at: "regions", region: row.id, error: String(error) }));
      return "silent" as const;
    });
  if (view === "silent") return { ...shape(ctx.team, row, NOTHING), status: "unknown" as const };
  return shape(ctx.team, row, view ?? NOTHING, await reachedOf(ctx, view));
}

/** @throws Problem `unavailable` */
export async function show(ctx: Ctx, row: RegionRow) {
  const view = await reach(async () => await stubOf(ctx, row.id).inspect());
  return shape(ctx.team, row, view ?? NOTHING);
}

/** @throws Problem `unavailable` */
export async function showDetail(ctx: Ctx, row: RegionRow) {
  const view = (await reach(async () => await stubOf(ctx, row.id).inspect())) ?? NOTHING;
  const shown = shape(ctx.team, row, view, await reachedOf(ctx, view));
  const own = new Set(shown.deployments.map(({ id }) => id));
  const isOwner = row.teamId === ctx.team;
  const itemIds = new Set(view.items.filter((item) => own.has(item.deployment)).map(({ id }) => id));
  return {
    ...shown,
    workloads: view.statuses.filter(({ id }) => itemIds.has(id)),
    tasks: isOwner ? view.tasks : [],
    token: isOwner ? view.token : null,
  };
}

const reachedOf = async (ctx: Ctx, view: RegionView | null): Promise<Reached | null> =>
  view?.ingress ? reachIngress(ctx, view.ingress) : null;

/** Of a region whose object was not told of it yet. */
const NOTHING: RegionView = {
  lease: noLease,
  isLive: false,
  isDraining: false,
  ingress: null,
  cursor: 0,
  items: [],
  statuses: [],
  tasks: [],
  token: null,
};

function shape(team: string, row: RegionRow, view: RegionView, reached: Reached | null = null) {
  const { lease, isLive, isDraining, cursor, ingress } = view;
  const { epoch, held } = lease;
  const said = held?.report;
  return {
    ...row,
    status: statusOf(view),
    lease: said ? { holder: said.holder, epoch, expiresAt: held.expiresAt } : null,
    agent: said ? { bootId: said.bootId, version: said.version, pid: said.pid, driver: said.driver } : null,
    capabilities: said ? [...said.capabilities] : [],
    load: isLive && said ? said.load : null,
    capacity: said?.capacity ?? null,
    skewMs: held?.skewMs ?? null,
    lagCursors: said ? Math.max(0, cursor - said.applied.cursor) : null,
    deployments: deploymentsOf(view, row.teamId === team ? null : team),
    isDraining,
    ingress,
    reached,
  };
}

function statusOf({ lease, isLive, isDraining }: RegionView): "up" | "unknown" | "draining" | "never" {
  if (lease.epoch === 0) return "never";
  if (!isLive) return "unknown";
  return isDraining ? "draining" : "up";
}

/** @param team `null`: of all teams. */
function deploymentsOf({ items, statuses }: RegionView, team: string | null) {
  const said = new Map(statuses.map((status) => [status.id, status]));
  const mine = items.filter((item) => team === null || item.team === team);
  return [...Map.groupBy(mine, (item) => item.deployment)].map(([id, of]) => ({
    id,
    ready: readiness(of.flatMap((item) => said.get(item.id) ?? [])),
  }));
}
