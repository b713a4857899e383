/**
 * Effects that D1's facts owe to the outside (objects, KV): a row written in the same batch as the fact, deleted once
 * the effect is done. Whoever commits tries at once; what fails, or was never tried, is done by the cron Worker's drain.
 * Effects are idempotent: a row may be done twice, never not at all.
 */
import { asc, eq, lte, sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Write } from "#core/commit.ts";
import type { Base } from "#core/ctx.ts";
import { newId } from "#core/ids.ts";
import { MINUTE, SECOND } from "#core/time.ts";

export const outbox = sqliteTable(
  "outbox",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    payload: text("payload", { mode: "json" }).$type<Record<string, string>>().notNull(),
    createdAt: integer("created_at").notNull(),
    /** Not before this; moved on by back-off. */
    dueAt: integer("due_at").notNull(),
    attempts: integer("attempts").notNull(),
  },
  (t) => [index("outbox_due").on(t.dueAt)],
);

/** Does what a row of its kind owes; throws to have it tried again. */
export type Effects = Record<string, (base: Base, payload: Record<string, string>) => Promise<void>>;

export interface Owed {
  id: string;
  kind: string;
  payload: Record<string, string>;
  /** Goes into the same batch as the fact. */
  write: Write;
}

/** The drain leaves a new row alone for this long: whoever committed it is at it. */
const GRACE_MS = 10 * SECOND;
const RETRY_MAX_MS = 10 * MINUTE;
const DRAIN_LIMIT = 200;

export function owe(base: Base, kind: string, payload: Record<string, string>): Owed {
  const now = base.clock.now();
  const row = { id: newId("outbox", now, base.random), kind, payload };
  const write = base.db.insert(outbox).values({ ...row, createdAt: now, dueAt: now + GRACE_MS, attempts: 0 });
  return { ...row, write };
}

/** Does what was just committed. Never throws: what fails stays owed. */
export async function settle(
  base: Base,
  effects: Effects,
  owed: readonly Omit<Owed, "write">[],
): Promise<void> {
  await Promise.all(owed.map((one) => attempt(base, effects, one, 0)));
}

/** Does what is due; for the cron Worker. */
export async function drain(base: Base, effects: Effects): Promise<{ done: number; failed: number }> {
  const rows = await base.db
    .select()
    .from(outbox)
    .where(lte(outbox.dueAt, base.clock.now()))
    .orderBy(asc(outbox.dueAt))
    .limit(DRAIN_LIMIT);
  const results = await Promise.all(rows.map((row) => attempt(base, effects, row, row.attempts)));
  const done = results.filter((isDone) => isDone).length;
  return { done, failed: rows.length - done };
}

async function attempt(
  base: Base,
  effects: Effects,
  owed: Omit<Owed, "write">,
  attempts: number,
): Promise<boolean> {
  try {
    const effect = effects[owed.kind];
    if (!effect) throw new Error(`nobody does ${owed.kind}`);
    await effect(base, owed.payload);
    await base.db.delete(outbox).where(eq(outbox.id, owed.id));
    return true;
  } catch (error) {
    const delay = Math.min(RETRY_MAX_MS, SECOND * 2 ** attempts);
    const dueAt = base.clock.now() + delay;
    console.warn(
      JSON.stringify({ level: "warn", at: "outbox", kind: owed.kind, attempts, error: String(error) }),
    );
    await base.db
      .update(outbox)
      .set({ dueAt, attempts: sql`attempts + 1` })
      .where(eq(outbox.id, owed.id))
      .catch(() => undefined);
    return false;
  }
}
