/** Minute rollups of a project's traffic. Adding is commutative, and a batch that comes twice counts once. */
import { HOUR, MINUTE, type Millis } from "#core/time.ts";

/** One answered request, as the router saw it. */
export interface TrafficEvent {
  at: Millis;
  team: string;
  project: string;
  deployment: string;
  host: string;
  status: number;
  cache: "memory" | "cache" | "r2" | "none";
  bytesIn: number;
  bytesOut: number;
  functionMs: number | null;
  region: string | null;
  /** Each event stands for this many requests. */
  sampled: number;
}

export interface Minute {
  /** Unix milliseconds at which the minute begins. */
  minute: Millis;
  requests: number;
  /** Requests by first digit of the status. */
  byClass: Record<string, number>;
  byCache: Record<string, number>;
  bytesIn: number;
  bytesOut: number;
}

export const KEEP_MS = 48 * HOUR;

export const minuteOf = (at: Millis): Millis => at - (at % MINUTE);

export const emptyMinute = (minute: Millis): Minute => ({
  minute,
  requests: 0,
  byClass: {},
  byCache: {},
  bytesIn: 0,
  bytesOut: 0,
});

export function add(to: Minute, event: TrafficEvent): Minute {
  const weight = event.sampled;
  const statusClass = `${Math.floor(event.status / 100)}xx`;
  return {
    minute: to.minute,
    requests: to.requests + weight,
    byClass: { ...to.byClass, [statusClass]: (to.byClass[statusClass] ?? 0) + weight },
    byCache: { ...to.byCache, [event.cache]: (to.byCache[event.cache] ?? 0) + weight },
    bytesIn: to.bytesIn + event.bytesIn * weight,
    bytesOut: to.bytesOut + event.bytesOut * weight,
  };
}
