/**
 * The door to D1: one batch holds the audit entry, the writes and nothing else, so a fact never changes without its
 * entry and an entry never stands without its fact. It knows no table but the audit's.
 *
 * `seq` is given inside the batch; D1 runs batches one at a time, so a team's numbers have no gaps. Hashes are sealed
 * afterwards by one writer (features/audit), since a chain computed in the write collapses under load.
 */
import { type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { Actor } from "#core/ctx.ts";
import { newId } from "#core/ids.ts";
import { Problem } from "#core/problem.ts";
import type { Clock, Random } from "#core/time.ts";

export const auditEntries = sqliteTable(
  "audit_entries",
  {
    entryId: text("entry_id").primaryKey(),
    teamId: text("team_id").notNull(),
    seq: integer("seq").notNull(),
    at: integer("at").notNull(),
    actorType: text("actor_type").notNull(),
    actorId: text("actor_id").notNull(),
    /** `<thing>.<verb>`, as the operation's contract names it. */
    action: text("action").notNull(),
    /** Id or name of what was acted on. */
    target: text("target").notNull(),
    detail: text("detail", { mode: "json" }).$type<Record<string, unknown>>(),
    requestId: text("request_id"),
    prevHash: text("prev_hash"),
    hash: text("hash"),
  },
  (t) => [
    uniqueIndex("audit_entries_seq").on(t.teamId, t.seq),
    // Holds only what the sealer has still to do, so that a long trail costs it nothing.
    index("audit_entries_unsealed").on(t.teamId).where(sql`hash is null`),
  ],
);

export interface Audit {
  action: string;
  target: string;
  /** Facts for the reader of the trail; never a secret. */
  detail?: Record<string, unknown>;
  /** Of what may be done again, and is one act: written once. Left out, each is an act of its own. */
  entryId?: string;
}

export type Write = BatchItem<"sqlite">;
export type Commit = (audit: Audit, ...writes: Write[]) => Promise<void>;

interface Deps {
  db: DrizzleD1Database;
  team: string;
  actor: Actor;
  requestId: string;
  clock: Clock;
  random: Random;
}

/** The row as the queue of writes takes it; also what an object's outbox holds until it is copied. */
export function auditRow(deps: Omit<Deps, "db">, audit: Audit) {
  const now = deps.clock.now();
  return {
    entryId: audit.entryId ?? newId("auditEntry", now, deps.random),
    teamId: deps.team,
    seq: sql<number>`(select coalesce(max(seq), 0) + 1 from audit_entries where team_id = ${deps.team})`,
    at: now,
    actorType: deps.actor.type,
    actorId: deps.actor.id,
    action: audit.action,
    target: audit.target,
    detail: audit.detail ?? null,
    requestId: deps.requestId,
  };
}

/**
 * @throws Problem `conflict` when a `mustChange` guard in the batch found nothing to change; nothing is written then.
 */
export const makeCommit =
  (deps: Deps): Commit =>
  async (audit, ...writes) => {
    const insert = deps.db.insert(auditEntries).values(auditRow(deps, audit));
    const entry = audit.entryId ? insert.onConflictDoNothing({ target: auditEntries.entryId }) : insert;
    try {
      await deps.db.batch([...writes, entry] as unknown as [Write, ...Write[]]);
    } catch (cause) {
      if (isGuardFailure(cause)) {
        throw new Problem("conflict", "It changed while this request was under way; nothing was written.", {
          fix: "Read it again, and repeat the request if it still makes sense.",
          cause,
        });
      }
      throw cause;
    }
  };

/**
 * Compare-and-set: put it right after the update that must have changed one row. SQLite fails on `json('cas')`, and D1
 * rolls the whole batch back.
 */
export const mustChange = (db: DrizzleD1Database): Write =>
  db
    .select({ ok: sql`case when changes() = 1 then 1 else json('cas') end` })
    .from(sql`(select 1)`) as unknown as Write;

/** Fails like {@link mustChange}, with the whole batch, unless the condition holds inside the batch. */
export const mustHold = (db: DrizzleD1Database, condition: SQL): Write =>
  db
    .select({ ok: sql`case when ${condition} then 1 else json('cas') end` })
    .from(sql`(select 1)`) as unknown as Write;

/** Compares with what the `json('cas')` of {@link mustChange} makes SQLite say. */
function isGuardFailure(error: unknown): boolean {
  return errorText(error).includes("malformed JSON");
}

/** A unique constraint said no: somebody else took the name first. */
export function isUniqueFailure(error: unknown): boolean {
  return errorText(error).includes("UNIQUE constraint failed");
}

/** D1 has as much as it takes, or the disk below it has. Locally it mostly hides that; see workers/api/disk.ts. */
export function isFullFailure(error: unknown): boolean {
  return /SQLITE_FULL|disk is full|Exceeded maximum DB size/.test(errorText(error));
}

/** drizzle wraps D1's error; what matters may stand in any of the causes. */
function errorText(error: unknown): string {
  let text = "";
  for (let at: unknown = error; at instanceof Error; at = at.cause) text += `${at.message}\n`;
  return text;
}
