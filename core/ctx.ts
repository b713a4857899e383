/**
 * What a verb is handed: who acts, for which team, at what time, and the stores. Made once a request by the entry
 * points; nothing global stands behind it.
 */
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Commit } from "#core/commit.ts";
import type { Scope } from "#core/contract.ts";
import type { Id } from "#core/ids.ts";
import type { Clock, Random } from "#core/time.ts";

export type Role = "owner" | "admin" | "developer" | "viewer";

/** Each write says which of these made it. */
export type Actor =
  | { type: "token"; id: Id<"token">; role: Role; scopes: readonly Scope[] | null }
  | { type: "system"; id: string };

export interface Stores {
  /** R2: blobs, encoded forms, sites, folded logs. */
  blobs: R2Bucket;
  /** KV: the static-stability copies that the edge falls back on. */
  snapshots: KVNamespace;
}

export interface Base {
  db: DrizzleD1Database;
  /** Raw D1, for `json_each` statements that the query builder has no word for. */
  d1: D1Database;
  stores: Stores;
  clock: Clock;
  random: Random;
}

export interface Ctx extends Base {
  team: Id<"team">;
  actor: Actor;
  requestId: string;
  commit: Commit;
}
