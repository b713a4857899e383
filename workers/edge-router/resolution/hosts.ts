/**
 * Hostname → record. KV first, since hosts hardly ever change; D1 for one made a moment ago, which KV may not show yet.
 */
import { SECOND } from "#core/time.ts";
import { candidates, type HostRecord, hostKey } from "#features/hosts/host.ts";
import type { Env } from "../env.ts";
import type { Scope } from "../scope.ts";
import { type Ages, Memo } from "./memo.ts";

const HELD: Ages = { fresh: 2 * SECOND, ageing: 30 * SECOND, backOff: SECOND };
/** A name that is not there may be there in a moment; its absence is remembered only against floods. */
const ABSENT: Ages = { fresh: 250, ageing: 250, backOff: 250 };

const memo = new Memo<HostRecord | null>((record) => (record ? HELD : ABSENT), SECOND, 10_000);

/** @returns `null` for a host that nobody has. */
export function findHost(scope: Scope, host: string): Promise<HostRecord | null> {
  const names = candidates(host);
  return memo.get(names[0] ?? host, scope.clock, scope.keepAlive, () => read(scope.env, names));
}

async function read(env: Env, names: readonly string[]): Promise<HostRecord | null> {
  for (const name of names) {
    const record = await env.SNAPSHOTS.get<HostRecord>(hostKey(name), { type: "json", cacheTtl: 30 });
    if (record && record.v === 1) return record;
  }
  return fromD1(env, names);
}

async function fromD1(env: Env, names: readonly string[]): Promise<HostRecord | null> {
  const row = await env.DB.prepare(
    `select kind, ref, project_id as project, team_id as team from hosts
     where hostname in (?1, ?2) order by hostname = ?1 desc limit 1`,
  )
    .bind(names[0] ?? "", names[1] ?? "")
    .first<Omit<HostRecord, "v">>();
  return row && { v: 1, ...row };
}
