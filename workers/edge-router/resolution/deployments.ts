/** Deployment id → what the edge serves of it; for immutable hosts. KV first, D1 for what KV does not show yet. */
import { SECOND } from "#core/time.ts";
import { deploymentKey, type Running, type ServedDeployment } from "#features/deployments/served.ts";
import type { Scope } from "../scope.ts";
import { type Ages, Memo } from "./memo.ts";

/**
 * A deployment that can't be served, with the state it is in; `null` when it was removed. `coming`: a pointer may be at
 * it already, and then where it runs is known.
 */
export type Found = { served: ServedDeployment } | { state: string | null; coming: ServedDeployment | null };

/** A ready deployment never changes, but it can be removed. */
const READY: Ages = { fresh: 2 * SECOND, ageing: 30 * SECOND, backOff: SECOND };
const NOT_READY: Ages = { fresh: 100, ageing: 100, backOff: 100 };

const memo = new Memo<Found>((found) => ("served" in found ? READY : NOT_READY), SECOND, 10_000);

export function findDeployment(scope: Scope, id: string): Promise<Found> {
  return memo.get(id, scope.clock, scope.keepAlive, () => read(scope, id));
}

async function read(scope: Scope, id: string): Promise<Found> {
  const copy = await scope.env.SNAPSHOTS.get<ServedDeployment>(deploymentKey(id), {
    type: "json",
    cacheTtl: 30,
  });
  if (copy && copy.v === 1) return { served: copy };
  const row = await scope.env.DB.prepare(
    `select id, status, site, team_id as team, project_id as project, created_at as createdAt, env_digest as env,
       hostname, target, branch, running from deployments where id = ?1`,
  )
    .bind(id)
    .first<Row>();
  if (!row) return { state: null, coming: null };
  const { status, site, running, ...about } = row;
  if (site === null) return { state: status, coming: null };
  const served: ServedDeployment = { v: 1, site, ...about, ...toRunning(running) };
  if (status === "ready") return { served };
  return { state: status, coming: status === "releasing" && running !== null ? served : null };
}

type Row = Omit<ServedDeployment, "v" | "site" | keyof Running> & {
  status: string;
  site: string | null;
  /** JSON of {@link Running}. */
  running: string | null;
};

const toRunning = (text: string | null): Running => (text === null ? {} : (JSON.parse(text) as Running));
