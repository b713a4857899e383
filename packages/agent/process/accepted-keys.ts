/**
 * Which keys the ingress takes: the region's, and for a while the one before it, since routers and other pods learn of a
 * new one later. It knows neither the clock nor where a key comes from.
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** Longer than the platform waits before the edge uses the new one, with what its routers are late. Milliseconds. */
export const OVERLAP_MS = 5 * 60_000;

export interface AcceptedKeys {
  /** `null`: it is not known yet, and nobody is let in. */
  current: string | null;
  former: string | null;
  /** Until when the former is taken; monotonic. */
  until: number;
}

export const noKeys: AcceptedKeys = { current: null, former: null, until: 0 };

/** @param key The region's, as it is known at `now`. */
export function follow(held: AcceptedKeys, key: string | null, now: number): AcceptedKeys {
  if (key === null || key === held.current) return held;
  return { current: key, former: held.current, until: now + OVERLAP_MS };
}

export function accepts({ current, former, until }: AcceptedKeys, given: unknown, now: number): boolean {
  if (typeof given !== "string") return false;
  return isKey(given, current) || (now < until && isKey(given, former));
}

/** In constant time, whatever the lengths. */
function isKey(given: string, key: string | null): boolean {
  if (key === null) return false;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(key));
}
