/** Hostnames: taken once, in D1; copied to KV for the edge. */
import { and, eq, inArray, or, sql } from "drizzle-orm";
import { mustHold, type Write } from "#core/commit.ts";
import type { Base } from "#core/ctx.ts";
import { type Owed, owe } from "#core/outbox.ts";
import { Problem } from "#core/problem.ts";
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

/**
 * The host of a pointer: the one that it has, or the first of the names that nobody has.
 *
 * @param labels None for production, whose host is made with the project.
 * @throws Problem `conflict` when there is none: the project is being removed, or was changed meanwhile.
 */
export async function pointerHost(
  base: Base,
  project: string,
  target: string,
  labels: readonly string[],
): Promise<{ hostname: string; isNew: boolean }> {
  const names = labels.map((label) => `${label}.${base.deployDomain}`);
  const ours = and(eq(hosts.projectId, project), eq(hosts.ref, target));
  const found = await base.db
    .select()
    .from(hosts)
    .where(or(ours, inArray(hosts.hostname, names)));
  const held = found.find((row) => row.projectId === project && row.ref === target);
  const free = names.find((name) => !found.some((row) => row.hostname === name));
  const hostname = held?.hostname ?? free;
  if (hostname === undefined) {
    throw new Problem("conflict", `There is no hostname for ${target}.`, { fix: "Try again in a moment." });
  }
  return { hostname, isNew: held === undefined };
}

/**
 * For a pointer's host, which the target's first deployment makes and the later ones find. The batch fails when
 * somebody else took the name meanwhile.
 */
export const insertHostOnce = (base: Base, row: HostRow): Write[] => [
  base.db.insert(hosts).values(row).onConflictDoNothing(),
  mustHold(
    base.db,
    sql`exists (select 1 from hosts where hostname = ${row.hostname} and project_id = ${row.projectId} and ref = ${row.ref})`,
  ),
];

export const oweHostCopy = (base: Base, hostname: string): Owed => owe(base, "host.copy", { hostname });

export const copyHost = (base: Base, { hostname = "" }: Record<string, string>): Promise<void> =>
  copyHosts(base, [hostname]);

/** KV follows D1: what is there is written, what is gone is deleted. @param hostnames At most 100. */
export async function copyHosts(base: Base, hostnames: string[]): Promise<void> {
  const rows = await base.db.select().from(hosts).where(inArray(hosts.hostname, hostnames));
  await Promise.all(
    hostnames.map((hostname) => {
      const row = rows.find((one) => one.hostname === hostname);
      if (!row) return base.snapshots.delete(hostKey(hostname));
      const { kind, ref, projectId: project, teamId: team } = row;
      const record: HostRecord = { v: 1, kind, ref, project, team };
      return base.snapshots.put(hostKey(hostname), JSON.stringify(record));
    }),
  );
}
