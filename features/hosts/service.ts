/** Hostnames: taken once, in D1; copied to KV for the edge. */
import { eq } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { type Owed, owe } from "#core/outbox.ts";
import { type HostRecord, hostKey } from "./host.ts";
import { hosts } from "./tables.ts";

type HostRow = typeof hosts.$inferSelect;

/** The first of the names that nobody has. The insert's unique key decides when two ask at once. */
export async function firstFree(base: Base, labels: readonly string[]): Promise<string> {
  for (const label of labels) {
    const hostname = `${label}.${base.deployDomain}`;
    const [taken] = await base.db
      .select({ hostname: hosts.hostname })
      .from(hosts)
      .where(eq(hosts.hostname, hostname));
    if (!taken) return hostname;
  }
  throw new Error(`none of ${labels.join(", ")} is free`);
}

export const insertHost = (base: Base, row: HostRow) => base.db.insert(hosts).values(row);

/** For a pointer's host, which the target's first deployment makes and the later ones find. */
export const insertHostOnce = (base: Base, row: HostRow) =>
  base.db.insert(hosts).values(row).onConflictDoNothing();

export const oweHostCopy = (base: Base, hostname: string): Owed => owe(base, "host.copy", { hostname });

/** KV follows D1: what is there is written, what is gone is deleted. */
export async function copyHost(base: Base, { hostname = "" }: Record<string, string>): Promise<void> {
  const [row] = await base.db.select().from(hosts).where(eq(hosts.hostname, hostname));
  if (!row) return base.snapshots.delete(hostKey(hostname));
  const record: HostRecord = { v: 1, kind: row.kind, ref: row.ref, project: row.projectId, team: row.teamId };
  await base.snapshots.put(hostKey(hostname), JSON.stringify(record));
}
