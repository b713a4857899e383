/**
 * Which of two releases a visitor gets while one of them is rolled out. Pure: the same visitor and the same canary give
 * the same answer at every router, and who is among 10 % is among 50 %.
 */
import type { Canary, Release } from "./machine.ts";

/** Names a visitor of a host; nothing else is known of them. */
export const VISITOR_COOKIE = "__cloudify_visitor";
/** Seconds: longer than a rollout lasts. */
export const VISITOR_SECONDS = 90 * 24 * 3_600;

/** @param visitor What its cookie says, any text. */
export function isInCanary({ percent, salt }: Canary, visitor: string): boolean {
  return bucketOf(visitor, salt) < percent / 100;
}

export const releaseFor = (live: Release, canary: Canary, visitor: string): Release =>
  isInCanary(canary, visitor) ? canary.release : live;

/** @returns From 0 to 1, without 1; evenly spread. FNV-1a with the finalizer of MurmurHash3 (32 bits). */
export function bucketOf(visitor: string, salt: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${salt}\n${visitor}`))
    hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
