/** Seals entries in the order of `seq`. Several may try at once: each writes only what is unsealed, and the same. */
import { and, asc, desc, eq, gt, isNotNull, isNull, sql } from "drizzle-orm";
import { auditEntries, type Write } from "#core/commit.ts";
import type { Base } from "#core/ctx.ts";
import { GENESIS, linkHash } from "./chain.ts";

const BATCH = 100;
const TEAMS = 50;

/** @returns How many were sealed. @throws When entries are missing: what follows a gap must not look whole. */
export async function sealTeam(base: Base, team: string): Promise<number> {
  let sealed = 0;
  for (;;) {
    const { head, rows } = await readTail(base, team);
    let previous = head?.hash ?? GENESIS;
    let seq = head?.seq ?? 0;
    const writes: Write[] = [];
    for (const row of rows) {
      seq += 1;
      if (row.seq !== seq) throw new Error(`the trail of ${team} lacks its entry ${seq}`);
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

/** In one batch: between two reads another sealer could move the head, and the chain would fork. */
async function readTail(base: Base, team: string) {
  const ofTeam = eq(auditEntries.teamId, team);
  const sealedSeq = sql`(select max(seq) from audit_entries where team_id = ${team} and hash is not null)`;
  const [[head], rows] = await base.db.batch([
    base.db
      .select()
      .from(auditEntries)
      .where(and(ofTeam, isNotNull(auditEntries.hash)))
      .orderBy(desc(auditEntries.seq))
      .limit(1),
    base.db
      .select()
      .from(auditEntries)
      .where(and(ofTeam, gt(auditEntries.seq, sql`coalesce(${sealedSeq}, 0)`)))
      .orderBy(asc(auditEntries.seq))
      .limit(BATCH),
  ]);
  return { head, rows };
}

/** Asked every minute: answered from the index of what is unsealed. */
export const unsealedTeams = (db: Base["db"]) =>
  db
    .selectDistinct({ team: auditEntries.teamId })
    .from(auditEntries)
    .where(isNull(auditEntries.hash))
    .limit(TEAMS);

/** For the cron Worker: every team that has something to seal. One team's trouble holds up no other. */
export async function sealAll(base: Base): Promise<{ sealed: number; broken: number }> {
  const teams = await unsealedTeams(base.db);
  let sealed = 0;
  let broken = 0;
  for (const { team } of teams) {
    try {
      sealed += await sealTeam(base, team);
    } catch (error) {
      broken += 1;
      console.error(JSON.stringify({ level: "error", at: "audit", team, error: String(error) }));
    }
  }
  return { sealed, broken };
}
