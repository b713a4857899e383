/**
 * What a region is known by: a token that is exchanged once, and the agent's credential, which rotates. Only SHA-256 of
 * either is held. The rules know neither the clock nor how a secret is drawn.
 */
import { HOUR, type Millis } from "#core/time.ts";

/** A credential is followed by another after so long. */
export const ROTATE_MS = HOUR;
/** Offers that may still be on their way: an answer may be lost, and the next is another. */
const MAX_OFFERS = 3;

export interface Credentials {
  token: string | null;
  /** Who exchanged the token. */
  spentBy: string | null;
  current: string | null;
  /** Successors that were offered, the oldest first. */
  offered: readonly string[];
  /** When the current one was first used, or made. */
  since: Millis;
}

export const noCredentials: Credentials = {
  token: null,
  spentBy: null,
  current: null,
  offered: [],
  since: 0,
};

/** A new token ends all that was before it. */
export const renewToken = (token: string): Credentials => ({ ...noCredentials, token });

export type Exchange = { ok: true; credentials: Credentials } | { ok: false; reason: "unknown" | "spent" };

export function exchange(
  held: Credentials,
  { token, holder, credential }: { token: string; holder: string; credential: string },
  now: Millis,
): Exchange {
  if (held.token !== token) return { ok: false, reason: "unknown" };
  if (held.spentBy !== null) return { ok: false, reason: "spent" };
  return { ok: true, credentials: { ...held, spentBy: holder, current: credential, since: now } };
}

/** @returns `null`: it is not known here. The first use of a successor ends the one before it. */
export function use(held: Credentials, credential: string, now: Millis): Credentials | null {
  if (held.current === credential) return held;
  return held.offered.includes(credential) ? { ...held, current: credential, offered: [], since: now } : null;
}

export const isDue = (held: Credentials, now: Millis): boolean => now >= held.since + ROTATE_MS;

export const offerNext = (held: Credentials, credential: string): Credentials => ({
  ...held,
  offered: [...held.offered, credential].slice(-MAX_OFFERS),
});
