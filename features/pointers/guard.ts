/**
 * Whether a release does worse than what was live: by the share of its answers that are errors of the server (5xx), from
 * what routers saw of both in the same time. Pure.
 */
import { MINUTE, type Millis } from "#core/time.ts";
import type { Canary } from "./machine.ts";

export interface Guard {
  /** Percentage points by which the release's share of errors may lie above the other's. */
  points: number;
  /** It is not judged by fewer requests. */
  requests: number;
  /** What is older does not count. */
  minutes: number;
}

export const DEFAULT_GUARD: Guard = { points: 5, requests: 50, minutes: 5 };

export interface Count {
  requests: number;
  errors: number;
}

export interface Figures {
  /** Unix milliseconds: of this time. */
  from: Millis;
  to: Millis;
  live: Count;
  canary: Count;
}

/** `few`: too few requests to tell. */
export type Verdict = "few" | "fine" | "worse";

/** Standard deviations; one look in 700 at a release that is no worse is further away by chance. */
const DOUBT = 3;

/**
 * Worse is what exceeds the limit, and by more than chance would have it: the least share of errors that fits with what
 * was seen of the release is still above the other's. Without a request to the other one, that counts as faultless.
 */
export function judge(guard: Guard, { live, canary }: Pick<Figures, "live" | "canary">): Verdict {
  if (canary.requests === 0 || canary.requests < guard.requests) return "few";
  const base = rateOf(live);
  const isOver = (rateOf(canary) - base) * 100 > guard.points;
  return isOver && leastRate(canary) > base ? "worse" : "fine";
}

/** From 0 to 1. */
export const rateOf = ({ requests, errors }: Count): number => (requests === 0 ? 0 : errors / requests);

/** The lower end of Wilson's interval, which holds for few requests too. */
function leastRate({ requests, errors }: Count): number {
  const rate = errors / requests;
  const square = DOUBT ** 2;
  const spread = DOUBT * Math.sqrt((rate * (1 - rate)) / requests + square / (4 * requests ** 2));
  return (rate + square / (2 * requests) - spread) / (1 + square / requests);
}

/** What a canary is judged by, or shown by: the last minutes, without what was before it began. */
export function windowOf({ rolling }: Canary, now: Millis): Pick<Figures, "from" | "to"> {
  const { minutes } = rolling?.guard ?? DEFAULT_GUARD;
  return { from: Math.max(now - minutes * MINUTE, rolling?.startedAt ?? 0), to: now };
}

export function figuresText({ from, to, live, canary }: Figures, { points }: Guard): string {
  const of = (count: Count) => `${count.errors} of ${count.requests} (${(rateOf(count) * 100).toFixed(1)} %)`;
  const length = Math.max(1, Math.round((to - from) / 1_000));
  return `errors of the server in the last ${length} s: ${of(canary)} of its answers, ${of(live)} of those of what is live; ${points} points more are allowed`;
}
