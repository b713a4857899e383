/**
 * Whether a workload has pods, and where its Ingress leads. Pure.
 *
 *     awake ──nobody asks── dozing ──routers have followed, still nobody asks── asleep
 *       ↑                   ↑    │                                                 │
 *       └──asked, and ready─┼────┘                                                 │
 *                           └────────────────────────asked─────────────────────────┘
 *
 *               pods                          its Ingress leads to
 *     awake     as many as the autoscaler says  its Service
 *     dozing    the same                        the agent, which hands requests on to them
 *     asleep    none                            the agent, which starts one
 */
import { ANNOTATION } from "./names.ts";
import type { KubeObject } from "./types.ts";

export type Rest = "awake" | "dozing" | "asleep";

/** Milliseconds, all of them. */
export interface RestTimes {
  /** Without a request, until a workload falls asleep; `Infinity`: never. */
  idleMs: number;
  /** Pods of one workload are not asked more often. */
  askMs: number;
  /** In which routers follow an Ingress that leads elsewhere. */
  followMs: number;
  /** How often it is looked whether anybody is to be asked. */
  tickMs: number;
}

/**
 * Dozing is written nowhere: an agent that begins there finds the workload awake, and its Ingress is put right by the first
 * apply.
 */
export const isAsleep = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.[ANNOTATION.rest] === "asleep";

/** How a workload rests that this agent has not applied yet. @param stored Its Deployment. */
export function restOf(stored: KubeObject | null, isWarm: boolean): Rest {
  if (stored) return isAsleep(stored) ? "asleep" : "awake";
  return isWarm ? "awake" : "asleep";
}

/**
 * For how long nobody has asked a workload: all of its pods count, and the one that was asked last decides.
 *
 * @param said What each pod says, in milliseconds; `null`: it does not answer, and may be busy.
 */
export const idleOf = (said: readonly (number | null)[]): number =>
  said.length === 0 ? 0 : Math.min(...said.map((one) => one ?? 0));

/** Milliseconds until it can have been idle for long enough, if nobody asks meanwhile. */
export const askAgainMs = (idle: number, { idleMs, askMs }: Pick<RestTimes, "idleMs" | "askMs">): number =>
  Math.max(askMs, idleMs - idle);
