/** The right to act for a region, and who the agent is. Times are Unix milliseconds of whoever says them. */

/** Versions of the protocol, newest first. Both sides speak the highest that both know. */
export const PROTOCOL_VERSIONS = [1] as const;

/** A lease lasts so long without a renewal. */
export const LEASE_TTL_MS = 15_000;
/** Renewed about so often, with full jitter below it. */
export const RENEW_MS = 5_000;
/** An agent stops changing anything so long before its lease ends by its own monotonic clock. */
export const FENCE_MARGIN_MS = 3_000;
/** A clock further off than this is said to be skewed. */
export const MAX_SKEW_MS = 2_000;

export type DriverName = "process" | "kubernetes";
/** `serve`: runs workloads. `build`: runs builds. */
export type Capability = "serve" | "build";

/** `POST /agent/v1/exchange` with a region token as bearer; the token is spent by it. */
export interface ExchangeRequest {
  /** Names this installation; kept by the agent beside its credential. */
  holder: string;
}

export interface ExchangeAnswer {
  region: string;
  name: string;
  /** Bearer of every later call. */
  credential: string;
}

/** `POST /agent/v1/lease`: acquire, renew, and say how things are. */
export interface LeaseRequest {
  holder: string;
  /** Of this process: made anew at each start. */
  bootId: string;
  /** The epoch that is held; `null` to acquire one. */
  epoch: number | null;
  /** Versions of the protocol that the agent speaks, newest first. */
  protocols: readonly number[];
  version: string;
  pid: number;
  /** The agent's wall clock. */
  now: number;
  driver: DriverName;
  capabilities: readonly Capability[];
  capacity: Capacity;
  load: Load;
  /** Origin at which the region's ingress answers, `https://…`; `null` while there is none. */
  ingress: string | null;
  /** The agent is leaving: no new work. */
  isDraining: boolean;
  /** Up to where the feed is applied, and the digest of what is desired there. */
  applied: { cursor: number; digest: string };
}

export interface Capacity {
  /** Cores. */
  cpu: number;
  memoryBytes: number;
  /** Builds at once. */
  builds: number;
}

export interface Load {
  /** 0 to 1. */
  cpu: number;
  memoryBytes: number;
  workloads: number;
  builds: number;
}

export interface LeaseAnswer {
  epoch: number;
  protocol: number;
  ttlMs: number;
  renewMs: number;
  /** The control plane's clock. */
  now: number;
  /** An operator has asked for the region to be drained. */
  isDraining: boolean;
  /** The next credential: the one in use ends with the first call that uses this one. */
  credential: string | null;
  /** What the router proves itself with at the ingress. */
  ingressKey: string;
  /** Where the feed is. */
  feed: { cursor: number; digest: string };
}

/**
 * Answers that end in no result are problems (RFC 9457) with these codes:
 * 401 `unauthenticated` (unknown, spent or revoked), 409 `fenced` (extension `epoch`: the one that is held), 409 `leased`
 * (another holder has it; extension `retryAfterMs`), 426 `protocol_unsupported` (extension `protocols`).
 */
export type LeaseProblem = "unauthenticated" | "fenced" | "leased" | "protocol_unsupported";
