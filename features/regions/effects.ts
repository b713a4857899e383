/** What D1's facts of a region owe: its object knows them. */
import { eq } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { drawIngressKey } from "./secret.ts";
import { stubOf } from "./show.ts";
import { regions } from "./tables.ts";

/** @param payload `token`: SHA-256 of a new region's token. */
export async function copyRegion(base: Base, payload: Record<string, string>): Promise<void> {
  const { region: id = "", token = null } = payload;
  const [row] = await base.db.select().from(regions).where(eq(regions.id, id));
  if (!row) return;
  const { teamId: team, name, latitude, longitude, weight, settingsVersion, removedAt } = row;
  const stub = stubOf(base, id);
  if (removedAt === null) {
    const { sealed } = await drawIngressKey(base, id);
    const about = { id, team, name, latitude, longitude, weight, settingsVersion };
    await stub.configure(about, sealed, token);
  } else {
    await stub.remove();
  }
}
