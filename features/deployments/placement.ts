/** Where a deployment runs, as its project's settings say; frozen when it is created. */
import type { Base, Ctx } from "#core/ctx.ts";
import { Problem } from "#core/problem.ts";
import type { ProjectSettings } from "#features/projects/tables.ts";
import type { NamedRegion, Places } from "#features/sites/function-regions.ts";
import type { Policy } from "./placing.ts";
import type { Spec } from "./state.ts";

export interface Placement {
  /** Ids: those of {@link failover} last. */
  regions: string[];
  /** Those among them that are asked only when none of the others answers, in that order. Rows of before lack it. */
  failover?: string[];
  policy: Policy;
}

interface Usable {
  id: string;
  name: string;
  isOwn: number;
  /** Its name stands for it: the team's own, and the platform's. Any other team might give a region any name. */
  isNamed: number;
}

/** Without settings: all regions of the team. Another team's, which gets to know its variables, must be named. */
export async function placementOf(
  ctx: Ctx,
  { regions, failover, releasePolicy }: ProjectSettings,
): Promise<Placement> {
  const usable = await usableRegions(ctx);
  const policy = releasePolicy ?? "any";
  const further = unique(resolve(failover ?? [], usable));
  const team = usable.filter((one) => one.isOwn === 1).map((one) => one.id);
  const first =
    regions === null ? team.filter((id) => !further.includes(id)) : unique(resolve(regions, usable));
  const last = further.filter((id) => !first.includes(id));
  return { regions: [...first, ...last], failover: last, policy };
}

/** What a function of the deployment may name: where it runs, and the rest of the team's own. */
export async function placesOf(base: Base, { team, regions, failover }: Spec): Promise<Places> {
  const { results } = await base.d1
    .prepare(
      `select id, name from regions
       where removed_at is null and (team_id = ?1 or id in (select value from json_each(?2))) order by id`,
    )
    .bind(team, JSON.stringify(regions))
    .all<NamedRegion>();
  const own = regions.map((id) => results.find((one) => one.id === id) ?? { id, name: id });
  const further = results.filter(({ id }) => !regions.includes(id));
  return { own, further, hasFailover: failover.length > 0 };
}

/** @throws Problem `invalid_input` that names those that there are not, and those that there are. */
export async function checkRegions(ctx: Ctx, names: readonly string[]): Promise<void> {
  if (names.length > 0) resolve(names, await usableRegions(ctx));
}

/** The platform's own team is the first that there was. */
async function usableRegions(ctx: Ctx): Promise<Usable[]> {
  const { results } = await ctx.d1
    .prepare(
      `select id, name, team_id = ?1 as isOwn,
         team_id in (?1, (select id from teams order by created_at, rowid limit 1)) as isNamed
       from regions where removed_at is null and (team_id = ?1 or is_shared) order by isOwn desc, id`,
    )
    .bind(ctx.team)
    .all<Usable>();
  return results;
}

/** A name is the team's own region before the platform's; another team's is taken by its id alone. */
function resolve(names: readonly string[], usable: readonly Usable[]): string[] {
  const found = names.map((name) =>
    usable.find((one) => one.id === name || (one.isNamed === 1 && one.name === name)),
  );
  const unknown = names.filter((_, i) => !found[i]);
  if (unknown.length === 0) return found.flatMap((one) => (one ? [one.id] : []));
  const known = usable.map(({ id, name, isNamed }) =>
    isNamed === 1 ? name : `${id} (another team's ${name})`,
  );
  throw new Problem("invalid_input", `There is no region ${unknown.join(", ")}.`, {
    fix:
      known.length > 0
        ? `Choose from ${known.join(", ")} in the project's settings, or add it with \`cloudify regions add\`.`
        : "There are no regions yet: add one with `cloudify regions add`, or leave the setting out.",
    extensions: { unknown, regions: usable.map(({ id, name, isNamed }) => (isNamed === 1 ? name : id)) },
  });
}

const unique = (ids: readonly string[]): string[] => [...new Set(ids)];
