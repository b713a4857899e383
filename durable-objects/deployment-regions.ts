/** What a deployment asks of regions: to build it, to run it, to let go of it. Whoever asks twice changes nothing. */
import { type Found, findBuilder } from "#features/deployments/builders.ts";
import { BUILD_MS } from "#features/deployments/machine.ts";
import type { RegionAnswer } from "#features/deployments/rpc.ts";
import type { Pinned, Source, Spec } from "#features/deployments/state.ts";
import { wantedIn } from "#features/deployments/wanted.ts";
import type { Presence } from "#features/regions/rpc.ts";
import { taskOf } from "#features/regions/tasks.ts";
import type { Env } from "./env.ts";

interface Attempt {
  attempt: number;
  /** Where it stands already. */
  held: string | null;
  /** Regions that were lost before: asked last. */
  lost: readonly string[];
}

/**
 * Offers a build to the region with the most room; among equals to those that it is to run in, then to the others of
 * the team.
 *
 * @returns Where it stands, or `null`: it is offered again later, so a region that fails is passed over.
 */
export async function offerBuild(
  env: Env,
  spec: Spec,
  source: Source,
  builders: readonly string[],
  { attempt, held, lost }: Attempt,
): Promise<Found | null> {
  const { id, team, project, target, branch, hostname: url } = spec;
  const { manifest, projectName, settings } = source;
  const about = {
    team,
    project,
    projectName,
    deployment: id,
    source: manifest,
    target,
    branch,
    settings,
    url,
  };
  const task = { kind: "build", id: taskOf(id), attempt, ...about, limitMs: BUILD_MS } as const;
  const asked = async <T>(region: string, otherwise: T, ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      const about = { level: "warn", at: "offer", deployment: id, region, error: String(error) };
      console.warn(JSON.stringify(about));
      return otherwise;
    }
  };
  return findBuilder(
    builders,
    { held, lost },
    {
      roomOf: (region) =>
        asked(region, null, async () => {
          const room = await stubOf(env, region).room(task.id);
          return room.ok ? room.free : null;
        }),
      offer: (region, ifFree) =>
        asked(region, false, async () => (await stubOf(env, region).offer(task, ifFree)).ok),
      takeBack: (region) =>
        asked(region, false, async () => await stubOf(env, region).takeBack(task.id, attempt)),
    },
  );
}

export async function withdrawBuild(env: Env, spec: Spec): Promise<void> {
  const regions = await buildersOf(env, spec);
  await Promise.all(regions.map((region) => stubOf(env, region).withdraw(taskOf(spec.id))));
}

/** @returns Whether each region could hear it. */
export async function place(
  env: Env,
  spec: Spec,
  workloads: Record<string, string>,
  pinned: Pinned,
): Promise<{ region: string; presence: Presence }[]> {
  return Promise.all(
    spec.regions.map(async (region) => {
      const wanted = wantedIn(region, spec, workloads, pinned);
      return { region, presence: await stubOf(env, region).desire(wanted) };
    }),
  );
}

export async function forget(env: Env, { id, regions }: Spec): Promise<void> {
  await Promise.all(regions.map((region) => stubOf(env, region).forget(id)));
}

/** How each region says that it does; one that can't be asked is not known. */
export async function ask(env: Env, { id, regions }: Spec): Promise<RegionAnswer[]> {
  return Promise.all(
    regions.map(async (region): Promise<RegionAnswer> => {
      try {
        const statuses = await stubOf(env, region).statusOf(id);
        const bad = statuses.find((one) => one.ready !== "true");
        if (!bad) return { id: region, ready: statuses.length > 0 ? "true" : "unknown", detail: "" };
        return {
          id: region,
          ready: bad.ready,
          detail: bad.detail ? `${bad.reason}: ${bad.detail}` : bad.reason,
        };
      } catch {
        return { id: region, ready: "unknown", detail: "The region's object does not answer." };
      }
    }),
  );
}

const stubOf = (env: Env, region: string) => env.REGIONS.get(env.REGIONS.idFromName(region));

/** Also the team's that came after the deployment was created. Others' must be named. */
export async function buildersOf(env: Env, { team, regions }: Spec): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "select id from regions where team_id = ?1 and removed_at is null order by id",
  )
    .bind(team)
    .all<{ id: string }>();
  return [...new Set([...regions, ...results.map((row) => row.id)])];
}

/**
 * What a team without a region may name, for people: the platform's by their names, as no other team's name stands for
 * its region. The platform's own team is the first that there was. At most ten.
 */
export async function sharedWith(env: Env): Promise<string[]> {
  const { results } = await env.DB.prepare(
    `select id, name, team_id = (select id from teams order by created_at, rowid limit 1) as isPlatforms
     from regions where is_shared and removed_at is null order by isPlatforms desc, id limit 10`,
  ).all<{ id: string; name: string; isPlatforms: number }>();
  return results.map(({ id, name, isPlatforms }) =>
    isPlatforms === 1 ? name : `${id} (another team's ${name})`,
  );
}
