/**
 * What a verb is handed: who acts, for which team, at what time, and the stores. Made once a request by the entry
 * points; nothing global stands behind it.
 */
import type { D1Database, Fetcher, KVNamespace, R2Bucket } from "@cloudflare/workers-types";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Commit } from "#core/commit.ts";
import type { Role, Scope } from "#core/contract.ts";
import type { Id } from "#core/ids.ts";
import type { KeyRing } from "#core/seal.ts";
import type { Clock, Random } from "#core/time.ts";

/** Each write says which of these made it. */
export type Actor =
  | { type: "token"; id: Id<"token">; role: Role; scopes: readonly Scope[] | null }
  /** A region's agent; the id is the region's. */
  | { type: "agent"; id: string }
  | { type: "system"; id: string };

/** The objects' namespaces; each feature that has one adds it here, so that the core knows none. */
// biome-ignore lint/suspicious/noEmptyInterface: it is filled by declaration merging in the features' rpc.ts
export interface Objects {}

/** What outlives requests, made from the bindings. */
export interface Base {
  db: DrizzleD1Database;
  /** Raw D1, for `json_each` statements that the query builder has no word for. */
  d1: D1Database;
  /** R2: blobs, encoded forms, sites, environments, folded logs. */
  blobs: R2Bucket;
  /** KV: the static-stability copies that the edge falls back on. */
  snapshots: KVNamespace;
  /** Bundles functions from source. */
  bundler: Pick<Fetcher, "fetch">;
  /** The network in which regions' ingresses are. */
  regionsNet: Pick<Fetcher, "fetch">;
  objects: Objects;
  /** Opens and seals the teams' data keys. */
  keyEncryptionKeys: KeyRing;
  /** Opens and seals frozen environments, and nothing else. */
  edgeKeys: KeyRing;
  /** Where deployments are served: `localhost`, or a domain of their own. */
  deployDomain: string;
  /** The API's own address; its scheme and port are those of the deployments too. */
  publicOrigin: string;
  clock: Clock;
  random: Random;
  /** Lets work outlive the answer. */
  keepAlive(work: Promise<unknown>): void;
}

export interface Ctx extends Base {
  team: Id<"team">;
  actor: Actor;
  requestId: string;
  commit: Commit;
}

/** The address of a hostname of this platform. */
export function addressOf(base: Pick<Base, "publicOrigin">, hostname: string): string {
  const { protocol, port } = new URL(base.publicOrigin);
  return `${protocol}//${hostname}${port === "" ? "" : `:${port}`}`;
}
