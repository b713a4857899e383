/**
 * Finds objects in R2 that no row knows: what a crash between two writes left behind, and what removed deployments
 * left. A page of each kind at a time, going on where the last run stopped.
 */
import type { Base } from "#core/ctx.ts";
import { DAY } from "#core/time.ts";
import { readSites } from "./sweep-functions.ts";

/** `functions/<team>/<digest>…` and `workloads/<team>/<digest>`, which only the heads of sites name. */
const OF_SITES = `select k.value as key from json_each(?1) k
  where exists (select 1 from site_functions s cross join deployments d on d.site = s.site
    and d.team_id = substr(k.value, 11, instr(substr(k.value, 11), '/') - 1)
    where s.code = substr(k.value, 11 + instr(substr(k.value, 11), '/'), 64))`;

/** Prefix → which of the keys in `?1`, a JSON list, are known. `cross join`: the list outside, the index inside. */
const KINDS: Record<string, string> = {
  "blobs/": `select k.value as key from json_each(?1) k cross join blobs b
    on b.sha256 = substr(k.value, -64) and b.team_id = substr(k.value, 7, length(k.value) - 71)`,
  "encoded/": `select k.value as key from json_each(?1) k cross join blobs b
    on b.team_id = substr(k.value, 9, instr(substr(k.value, 9), '/') - 1)
    and b.sha256 = substr(k.value, 9 + instr(substr(k.value, 9), '/'), 64)`,
  "uploads/": `select k.value as key from json_each(?1) k cross join uploads u
    on u.sha256 = substr(k.value, -64) and u.team_id = substr(k.value, 9, length(k.value) - 73)`,
  "env/": `select k.value as key from json_each(?1) k
    where exists (select 1 from deployments d where d.env_digest = substr(k.value, -64)
      and d.team_id = substr(k.value, 5, length(k.value) - 69))`,
  "sites/": `select k.value as key from json_each(?1) k
    where exists (select 1 from deployments d where d.site = substr(k.value, 7, 64))`,
  "logs/": `select k.value as key from json_each(?1) k cross join deployments d
    on d.id = substr(k.value, 6, length(k.value) - 12)`,
  // A source map goes with its code.
  "functions/": OF_SITES,
  "workloads/": OF_SITES,
  // The script itself stays in the namespace: only the isolates Worker holds the token that could remove it.
  "dispatched/": `select k.value as key from json_each(?1) k cross join deployments d
    on d.id = substr(k.value, 12, instr(substr(k.value, 12), '/') - 1)`,
};

const PAGE = 500;
/** Younger ones may be on their way to a row. */
const KEEP_MS = DAY;
const HEADS_AT_ONCE = 25;

export async function sweepStore(base: Base): Promise<{ deleted: number }> {
  let deleted = 0;
  const knowsCode = await readSites(base);
  for (const [prefix, query] of Object.entries(KINDS))
    if (query !== OF_SITES || knowsCode) deleted += await sweep(base, prefix, query);
  return { deleted };
}

async function sweep(base: Base, prefix: string, query: string): Promise<number> {
  const name = `sweep:${prefix}`;
  const cursor = await base.snapshots.get(name);
  const page = await base.blobs.list({ prefix, limit: PAGE, ...(cursor === null ? {} : { cursor }) });
  if (page.truncated) await base.snapshots.put(name, page.cursor);
  else if (cursor !== null) await base.snapshots.delete(name);
  const before = base.clock.now() - KEEP_MS;
  const old = page.objects.filter((object) => object.uploaded.getTime() < before).map((object) => object.key);
  if (old.length === 0) return 0;
  const { results } = await base.d1.prepare(query).bind(JSON.stringify(old)).all<{ key: string }>();
  const known = new Set(results.map((row) => row.key));
  const lost = old.filter((key) => !known.has(key));
  let deleted = 0;
  for (let at = 0; at < lost.length; at += HEADS_AT_ONCE) {
    const still = await stillOld(base, lost.slice(at, at + HEADS_AT_ONCE), before);
    if (still.length > 0) await base.blobs.delete(still);
    deleted += still.length;
  }
  return deleted;
}

/** What was written again since the page was read, by an equal upload or an equal site, is about to get its row. */
async function stillOld(base: Base, keys: readonly string[], before: number): Promise<string[]> {
  const heads = await Promise.all(keys.map((key) => base.blobs.head(key)));
  return heads.flatMap((head) => (head && head.uploaded.getTime() < before ? [head.key] : []));
}
