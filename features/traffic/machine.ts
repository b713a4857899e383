/** Minute rollups of a project's traffic. Adding is commutative, and a batch that comes twice counts once. */
import { HOUR, MINUTE, type Millis, SECOND } from "#core/time.ts";

/** One answered request, as the router saw it. */
export interface TrafficEvent {
  at: Millis;
  deployment: string;
  /** Whether it came by a host of production, not by the deployment's own or a preview's. */
  isProduction: boolean;
  status: number;
  cache: "memory" | "cache" | "r2" | "none";
  bytesIn: number;
  bytesOut: number;
  /** Of all functions that were asked, up to the head of their answers; `null`: none was. */
  functionMs: number | null;
  /** Name of the one in which a function answered; `null`: it did so at the edge, or none did. */
  region: string | null;
}

/** Requests that are alike, added up: adding is all that is ever done with them, and most are. */
export interface Tally extends Pick<TrafficEvent, "deployment" | "isProduction" | "cache" | "region"> {
  /** Unix milliseconds at which the slot begins. */
  slot: Millis;
  /** First digit of the status. */
  statusClass: number;
  requests: number;
  functionMs: number;
  bytesIn: number;
  bytesOut: number;
}

export interface Minute {
  /** Unix milliseconds at which the minute begins. */
  minute: Millis;
  requests: number;
  /** Requests by first digit of the status. */
  byClass: Record<string, number>;
  byCache: Record<string, number>;
  /** Requests by the region that answered. */
  byRegion: Record<string, number>;
  functionMs: number;
  bytesIn: number;
  bytesOut: number;
}

export const KEEP_MS = 48 * HOUR;

/** What each of production's deployments answered: in finer steps, and not for as long. */
export const SLOT_MS = 10 * SECOND;
export const SLOTS_KEEP_MS = 2 * HOUR;

/** Of one deployment in one slot. */
export interface Served {
  /** Unix milliseconds at which the slot begins. */
  slot: Millis;
  deployment: string;
  requests: number;
  /** Of these, answered with 5xx. */
  errors: number;
}

/** What is added up for the deployments of production. */
export function servedBy(tallies: readonly Tally[]): Served[] {
  const served = new Map<string, Served>();
  for (const { isProduction, slot, deployment, statusClass, requests } of tallies) {
    if (!isProduction) continue;
    const key = `${slot} ${deployment}`;
    const held = served.get(key) ?? { slot, deployment, requests: 0, errors: 0 };
    const errors = held.errors + (statusClass >= 5 ? requests : 0);
    served.set(key, { ...held, requests: held.requests + requests, errors });
  }
  return [...served.values()];
}

export const minuteOf = (at: Millis): Millis => at - (at % MINUTE);

export const emptyMinute = (minute: Millis): Minute => ({
  minute,
  requests: 0,
  byClass: {},
  byCache: {},
  byRegion: {},
  functionMs: 0,
  bytesIn: 0,
  bytesOut: 0,
});

export function add(to: Minute, tally: Tally): Minute {
  const { requests, region } = tally;
  const statusClass = `${tally.statusClass}xx`;
  return {
    minute: to.minute,
    requests: to.requests + requests,
    byClass: { ...to.byClass, [statusClass]: (to.byClass[statusClass] ?? 0) + requests },
    byCache: { ...to.byCache, [tally.cache]: (to.byCache[tally.cache] ?? 0) + requests },
    byRegion:
      region === null ? to.byRegion : { ...to.byRegion, [region]: (to.byRegion[region] ?? 0) + requests },
    functionMs: to.functionMs + tally.functionMs,
    bytesIn: to.bytesIn + tally.bytesIn,
    bytesOut: to.bytesOut + tally.bytesOut,
  };
}
