/**
 * Effects that D1's facts owe to the outside (objects, KV): a row written in the same batch as the fact, deleted once
 * the effect is done. Whoever commits tries at once; what fails, or was never tried, is done by the cron Worker's drain.
 * Effects are idempotent: a row may be done twice, never not at all.
 */
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const outbox = sqliteTable(
  "outbox",
  {
    id: text("id").primaryKey(),
    kind: text("kind").notNull(),
    payload: text("payload", { mode: "json" }).$type<Record<string, unknown>>().notNull(),
    createdAt: integer("created_at").notNull(),
    /** Not before this; moved on by back-off. */
    dueAt: integer("due_at").notNull(),
    attempts: integer("attempts").notNull(),
  },
  (t) => [index("outbox_due").on(t.dueAt)],
);
