/**
 * What the edge proves itself with at a region's ingress, when it changes: with each new token. The ingress learns of the
 * new key with the first lease after that, its pods up to a minute and a half later, and routers a minute after they are
 * told; so the edge goes on with the former until all of them know. The rules know neither the clock nor how a key is sealed.
 */
import { MINUTE, type Millis } from "#core/time.ts";

/** From the lease that brings the new key to when the edge is told; the ingress takes the former for longer. */
export const HANDOVER_MS = 2 * MINUTE;

/** Sealed with the edge key; who may opens them. */
export interface IngressKeys {
  ingressKey: string;
  /** The edge's, until then; `until: null`: no agent has come for the new one yet. */
  former?: { key: string; until: Millis | null } | undefined;
}

/** A key that no agent was ever told is followed by the next, as if it had not been. */
export const follow = ({ ingressKey, former }: IngressKeys, next: string): IngressKeys => ({
  ingressKey: next,
  former: former?.until === null ? former : { key: ingressKey, until: null },
});

/** With each lease. @returns What was given, when nothing changes. */
export function handOver(held: IngressKeys, now: Millis): IngressKeys {
  const { former } = held;
  if (!former) return held;
  if (former.until === null) return { ...held, former: { ...former, until: now + HANDOVER_MS } };
  return now < former.until ? held : { ...held, former: undefined };
}

export const keyOfEdge = ({ ingressKey, former }: IngressKeys): string => former?.key ?? ingressKey;
