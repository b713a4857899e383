/** What the router is bound to. All of it is read, but for the Cache API, the traffic events, and compressed forms. */
import type { LogRpc } from "#features/logs/rpc.ts";
import type { PointerRpc } from "#features/pointers/rpc.ts";
import type { TrafficRpc } from "#features/traffic/rpc.ts";

export interface Env {
  /** Asked only for what KV does not hold yet: a host or deployment made a moment ago. */
  DB: D1Database;
  /** Sites and blobs. */
  BLOBS: R2Bucket;
  /** The static-stability copies: hosts, deployments, pointers, policies. */
  SNAPSHOTS: KVNamespace;
  POINTERS: DurableObjectNamespace<PointerRpc>;
  TRAFFIC: DurableObjectNamespace<TrafficRpc>;
  /** Where lines of functions go. */
  LOGS: DurableObjectNamespace<LogRpc>;
  /** Opens frozen environments; see core/seal.ts. A secret. */
  EDGE_KEYS: string;
  /** Runs functions. */
  ISOLATES: Fetcher;
  /** On one machine only: where functions run that ended their process before. */
  QUARANTINE?: Fetcher;
  /** On one machine only: what the platform's own processes prove themselves with. */
  INTERNAL_KEY?: string;
  /** Outgoing fetches for customers; only public addresses. Absent in production, where the network does the same. */
  EGRESS?: Fetcher;
  /** The way to the regions' ingresses, which on one machine have private addresses. Absent in production. */
  REGIONS_NET?: Fetcher;
  /** Under `cloudify dev` only: the hostname whose site answers at every host that nobody has. */
  DEVELOPMENT_HOST?: string;
  /** Milliseconds added to the clock; tests only. */
  CLOCK_OFFSET_MS?: string;
  /** How long a location shares one read of a pointer through its Cache API; 0 on one machine. */
  POINTER_CACHE_SECONDS?: string;
}
