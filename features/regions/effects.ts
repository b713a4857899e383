/** What D1's facts of a region owe: its object knows them. */
import { regionKey } from "@cloudify/protocol";
import { eq } from "drizzle-orm";
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
}
