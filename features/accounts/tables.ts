import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { Role, Scope } from "#core/contract.ts";

export const teams = sqliteTable(
  "teams",
  {
    id: text("id").primaryKey(),
    slug: text("slug").notNull(),
    name: text("name").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [uniqueIndex("teams_slug").on(t.slug)],
);

export const tokens = sqliteTable(
  "tokens",
  {
    id: text("id").primaryKey(),
    teamId: text("team_id").notNull(),
    name: text("name").notNull(),
    /** SHA-256 of the secret, hex; the secret itself is stored nowhere. */
    hash: text("hash").notNull(),
    role: text("role").$type<Role>().notNull(),
    /** `null`: everything the role may do. */
    scopes: text("scopes", { mode: "json" }).$type<Scope[]>(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    lastUsedAt: integer("last_used_at"),
    revokedAt: integer("revoked_at"),
  },
  (t) => [uniqueIndex("tokens_hash").on(t.hash), index("tokens_team").on(t.teamId, t.id)],
);

/** Answers of POSTs that carried an `Idempotency-Key`, kept for a day. */
export const idempotency = sqliteTable(
  "idempotency",
  {
    teamId: text("team_id").notNull(),
    key: text("key").notNull(),
    /** Keyed digest of method, address and body: the same key with another request is refused. */
    fingerprint: text("fingerprint").notNull(),
    /** `null` while the first request is under way. */
    status: integer("status"),
    body: text("body"),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [uniqueIndex("idempotency_key").on(t.teamId, t.key), index("idempotency_age").on(t.createdAt)],
);
