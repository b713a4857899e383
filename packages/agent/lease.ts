/**
 * The agent's own side of the lease. It never asks a clock that somebody can set whether it may still change things, and
 * it counts from when it asked, not from when it was answered: the other side can only have begun later. Pure.
 */
import { FENCE_MARGIN_MS, MAX_SKEW_MS } from "@cloudify/protocol";

export interface Held {
  epoch: number;
  /** Monotonic milliseconds from which on nothing may be changed. */
  fencedAt: number;
}

/** @param sentAt Monotonic milliseconds at which the request was sent. */
export const granted = (epoch: number, sentAt: number, ttlMs: number): Held => ({
  epoch,
  fencedAt: sentAt + ttlMs - FENCE_MARGIN_MS,
});

export const mayMutate = (held: Held | null, monotonic: number): boolean =>
  held !== null && monotonic < held.fencedAt;

/** What the agent's wall clock is ahead of the other's; the answer is taken to be made halfway. */
export const skewOf = (sentAt: number, receivedAt: number, theirs: number): number =>
  Math.round((sentAt + receivedAt) / 2 - theirs);

export const isSkewed = (skewMs: number): boolean => Math.abs(skewMs) > MAX_SKEW_MS;

/** Full jitter below the period, but not so close that the calls crowd. @param chance 0 to 1. */
export const renewAfter = (renewMs: number, chance: number): number => renewMs * (0.2 + 0.8 * chance);
