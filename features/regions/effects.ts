/** What D1's facts of a region owe: its object knows them, and the edge finds the region in its list. */
import { REGIONS_KEY, regionKey } from "@cloudify/protocol";
import { asc, eq, isNull } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { hex } from "#core/encoding.ts";
import { seal } from "#core/seal.ts";
import { stubOf } from "./show.ts";
import { regions } from "./tables.ts";

const KEY_BYTES = 32;

/** @param payload `token`: SHA-256 of a new region's token. */
export async function copyRegion(base: Base, payload: Record<string, string>): Promise<void> {
  const { region: id = "", token = null } = payload;
  const [row] = await base.db.select().from(regions).where(eq(regions.id, id));
  if (!row) return;
  const { teamId: team, name, latitude, longitude, weight, removedAt } = row;
  const stub = stubOf(base, id);
  if (removedAt === null) {
    const key = await seal(base.edgeKeys, hex(base.random.bytes(KEY_BYTES)), regionKey(id), base.random);
    await stub.configure({ id, team, name, latitude, longitude, weight }, key, token);
  } else {
    await stub.remove();
  }
  await listRegions(base);
}

/** Written anew from the table, whoever changed it; also every minute, since two that write at once may cross. */
export async function listRegions(base: Base): Promise<{ changed: number }> {
  const rows = await base.db
    .select({ id: regions.id })
    .from(regions)
    .where(isNull(regions.removedAt))
    .orderBy(asc(regions.id));
  const list = JSON.stringify(rows.map(({ id }) => id));
  if ((await base.snapshots.get(REGIONS_KEY)) === list) return { changed: 0 };
  await base.snapshots.put(REGIONS_KEY, list);
  return { changed: 1 };
}
