/** Copies an entry from an object's outbox to the trail in D1: as often as it takes, and once. */
import type { Millis } from "#core/time.ts";
import type { By } from "#features/pointers/rpc.ts";

/** The id is made before the first attempt, so that a retry writes no second entry. */
export interface AuditEntry extends By {
  entryId: string;
  team: string;
  at: Millis;
}

export async function copyAudit(db: D1Database, entry: AuditEntry): Promise<void> {
  await db
    .prepare(
      `insert into audit_entries (entry_id, team_id, seq, at, actor_type, actor_id, action, target, detail, request_id)
       select ?1, ?2, (select coalesce(max(seq), 0) + 1 from audit_entries where team_id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9
       where true on conflict (entry_id) do nothing`,
    )
    .bind(
      entry.entryId,
      entry.team,
      entry.at,
      entry.actor.type,
      entry.actor.id,
      entry.audit.action,
      entry.audit.target,
      entry.audit.detail ? JSON.stringify(entry.audit.detail) : null,
      entry.requestId,
    )
    .run();
}
