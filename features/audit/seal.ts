/** Seals entries in the order of `seq`. Several may try at once: each writes only what is unsealed, and the same. */
import { and, asc, desc, eq, isNotNull, isNull } from "drizzle-orm";
import { auditEntries, type Write } from "#core/commit.ts";
import type { Base } from "#core/ctx.ts";
import { GENESIS, linkHash } from "./chain.ts";

const BATCH = 100;
const TEAMS = 50;

/** @returns How many were sealed. */
export async function sealTeam(base: Base, team: string): Promise<number> {
  let sealed = 0;
  for (;;) {
    const ofTeam = eq(auditEntries.teamId, team);
    const [head] = await base.db
      .select()
      .from(auditEntries)
      .where(and(ofTeam, isNotNull(auditEntries.hash)))
      .orderBy(desc(auditEntries.seq))
      .limit(1);
    const rows = await base.db
      .select()
      .from(auditEntries)
      .where(and(ofTeam, isNull(auditEntries.hash)))
      .orderBy(asc(auditEntries.seq))
      .limit(BATCH);
    let previous = head?.hash ?? GENESIS;
    const writes: Write[] = [];
    for (const row of rows) {
      const hash = await linkHash(previous, row);
      const unsealed = and(eq(auditEntries.entryId, row.entryId), isNull(auditEntries.hash));
      writes.push(base.db.update(auditEntries).set({ prevHash: previous, hash }).where(unsealed));
      previous = hash;
    }
    const [first, ...rest] = writes;
    if (!first) return sealed;
    await base.db.batch([first, ...rest]);
    sealed += rows.length;
  }
}

/** For the cron Worker: every team that has something to seal. */
export async function sealAll(base: Base): Promise<{ sealed: number }> {
  const teams = await base.db
    .selectDistinct({ team: auditEntries.teamId })
    .from(auditEntries)
    .where(isNull(auditEntries.hash))
    .limit(TEAMS);
  let sealed = 0;
  for (const { team } of teams) sealed += await sealTeam(base, team);
  return { sealed };
}
