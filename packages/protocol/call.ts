/**
 * How the edge calls a workload at a region's ingress. The path carries the workload, so that an ordinary Ingress of
 * Kubernetes can route it:
 *
 *     <ingress>/_cloudify/w/<deployment>/<group>/<original path and query>
 */

export const WORKLOAD_PREFIX = "/_cloudify/w/";
/** Answers 200 when the ingress can route. */
export const HEALTH_PATH = "/_cloudify/health";
/** Header: the region's ingress key. Without it the ingress answers 404, `denied`, to everything but the health path. */
export const INGRESS_KEY_HEADER = "x-cloudify-ingress-key";
/** Header: the output's name of the function to call. */
export const FUNCTION_HEADER = "x-cloudify-function";
/** Header: milliseconds to the first byte, at most. */
export const TIMEOUT_HEADER = "x-cloudify-timeout-ms";
/** Header of an answer that no function made; see {@link IngressFault}. Functions can't set it: the ingress deletes it. */
export const INGRESS_FAULT_HEADER = "x-cloudify-ingress-fault";
/**
 * Header of each answer that a workload made, set by our own ingress; functions can't set it. An answer without it, and
 * without a fault, was made by what stands before that: a cluster's proxy, a load balancer, Cloudflare's network.
 */
export const INGRESS_HEADER = "x-cloudify-ingress";
/** Header of an answer: `cold <ms>` when a process was started for it. */
export const COLD_HEADER = "x-cloudify-cold";
/** Header of an answer to {@link HEALTH_PATH}, optional: how much of what the region can do is in use, 0 to 1. */
export const LOAD_HEADER = "x-cloudify-load";

/**
 * `denied`: the ingress key is none that it knows; it may have been exchanged a moment ago.
 * `denied`, `absent`, `starting`, `draining`, `unreachable`: nothing was asked of the function, so another region may be.
 * `crashed`: it ended while it answered; `threw`: it threw; `timeout`: it did not answer in time.
 */
export type IngressFault =
  | "denied"
  | "absent"
  | "starting"
  | "draining"
  | "unreachable"
  | "crashed"
  | "threw"
  | "timeout";

/** These were never begun: asking another region repeats nothing. */
export const NEVER_BEGUN: readonly IngressFault[] = [
  "denied",
  "absent",
  "starting",
  "draining",
  "unreachable",
];

/** A region as the edge knows it. KV key `region:<id>`. */
export interface RegionSnapshot {
  v: 1;
  id: string;
  name: string;
  /** Raised by each change; a lower one is never taken. */
  version: number;
  latitude: number;
  longitude: number;
  /** Share of what is equally near; 0: only when no other can. */
  weight: number;
  /** Origin of its ingress; `null`: it has none yet. */
  ingress: string | null;
  /** {@link INGRESS_KEY_HEADER}, sealed with the edge key and bound to the KV key. */
  ingressKey: string;
  isDraining: boolean;
  /** It is asked no more, not even to learn how it does. */
  isRemoved?: true;
}

export const regionKey = (id: string): string => `region:${id}`;
