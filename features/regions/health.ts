/**
 * Whether a region's ingress is there, as probes tell. A probe is due every 2 s while there is traffic, every second
 * while there is a doubt; three misses in a row and it is down, two answers in a row and it is up. So an ingress that
 * falls silent between two probes is known to be down after at most 2 s + 3 × 1 s.
 */
import { type Millis, SECOND } from "#core/time.ts";

export const PROBE_EVERY_MS = 2 * SECOND;
/** While it is in doubt, or down. */
export const PROBE_AGAIN_MS = SECOND;
/** A probe that was not answered in this time is a miss. */
export const PROBE_LIMIT_MS = SECOND;
export const MISSES = 3;
export const ANSWERS = 2;

export interface Health {
  isDown: boolean;
  /** Since the last answer. */
  misses: number;
  /** Since the last miss, while it is down. */
  answers: number;
  /** A request has failed there, or waits for longer than is usual. */
  isDoubted: boolean;
  /** When the last probe began. */
  probedAt: Millis;
  /** What its ingress last said of its load, 0 to 1. */
  load: number | null;
}

/** Nothing is known yet: it is taken to be there. */
export const unknown: Health = {
  isDown: false,
  misses: 0,
  answers: 0,
  isDoubted: false,
  probedAt: Number.NEGATIVE_INFINITY,
  load: null,
};

export function isProbeDue({ isDown, misses, isDoubted, probedAt }: Health, now: Millis): boolean {
  return now - probedAt >= (isDown || misses > 0 || isDoubted ? PROBE_AGAIN_MS : PROBE_EVERY_MS);
}

/** Whoever asks next asks no second time meanwhile. */
export const probing = (health: Health, now: Millis): Health => ({ ...health, probedAt: now });

export const doubted = (health: Health): Health => ({ ...health, isDoubted: true });

/** It has answered: a probe, or a request, whatever it answered. @param load `undefined`: it said nothing of it. */
export function answered(health: Health, load: number | null | undefined = undefined): Health {
  const known = { ...health, misses: 0, isDoubted: false, load: load === undefined ? health.load : load };
  if (!health.isDown) return known;
  const answers = health.answers + 1;
  return answers >= ANSWERS ? { ...known, isDown: false, answers: 0 } : { ...known, answers };
}

/** A probe was not answered. */
export function missed(health: Health): Health {
  const misses = health.misses + 1;
  return { ...health, misses, answers: 0, isDown: health.isDown || misses >= MISSES };
}
