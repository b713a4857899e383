/**
 * The right to act for a region.
 *
 *     nobody ─acquire→ held(epoch + 1) ─renew→ held(the same epoch) ─silent for LEASE_TTL_MS→ lapsed
 *                        │  └─acquire by another process of the holder: held(epoch + 1), at once
 *                        └─acquire by another holder, or by a process that was succeeded: `leased` until it lapses
 *
 * Of two processes of one installation (one that was frozen while its supervisor started another, a volume that was
 * copied) the second has it: the first is known by its boot, and would else take it back for ever.
 *
 * An epoch ends with the lapse of its lease: whoever was silent acquires anew, so that all it had on its way is refused.
 * The rules know neither the clock nor what else the region has.
 */
import { LEASE_TTL_MS, type LeaseRequest, PROTOCOL_VERSIONS } from "@cloudify/protocol";
import type { Millis } from "#core/time.ts";

/** What an agent says of itself with each renewal. */
export type Report = Omit<LeaseRequest, "epoch" | "protocols" | "now">;

export interface Held {
  report: Report;
  /** Version of the protocol that both speak. */
  protocol: number;
  expiresAt: Millis;
  /** The agent's wall clock less ours, when it last renewed. */
  skewMs: Millis;
}

export interface Lease {
  /** Raised by each acquisition; 0: there was none. */
  epoch: number;
  /** What was last held, also once it has lapsed. */
  held: Held | null;
  /** Boots that others of their own installation came after, the last first. */
  succeeded: string[];
}

export const noLease: Lease = { epoch: 0, held: null, succeeded: [] };

/** Of so many is known that they were succeeded: more do not live side by side. */
const KEEP_BOOTS = 8;

export type Refused =
  | { ok: false; reason: "fenced"; epoch: number }
  | { ok: false; reason: "leased"; retryAfterMs: Millis }
  | { ok: false; reason: "protocol_unsupported"; protocols: readonly number[] };

export type LeaseStep = { ok: true; lease: Lease; held: Held } | Refused;

export const isHeld = ({ held }: Lease, now: Millis): boolean => held !== null && now < held.expiresAt;

/**
 * Two renewals and some: a loss is to be seen within 15 s of it, also by whoever looks now and then, and wherever between
 * two renewals it fell. The lease itself lasts longer, since nothing is lost by a late renewal.
 */
const SILENT_MS: Millis = 12_000;

/** Whether its holder has been heard of lately. */
export const isHeard = ({ held }: Lease, now: Millis): boolean =>
  held !== null && now < held.expiresAt - LEASE_TTL_MS + SILENT_MS;

/** Whether a call of this epoch still counts. */
export const isCurrent = (lease: Lease, epoch: number, now: Millis): boolean =>
  epoch === lease.epoch && isHeld(lease, now);

/** Acquires without an epoch, renews with one. */
export function takeLease(
  lease: Lease,
  { epoch, protocols, now: theirs, ...report }: LeaseRequest,
  now: Millis,
): LeaseStep {
  const protocol = PROTOCOL_VERSIONS.find((version) => protocols.includes(version));
  if (protocol === undefined)
    return { ok: false, reason: "protocol_unsupported", protocols: PROTOCOL_VERSIONS };
  const { held } = lease;
  if (epoch === null) {
    const isOthers = held !== null && isHeld(lease, now) && !mayTakeOver(lease, held, report);
    if (isOthers) return { ok: false, reason: "leased", retryAfterMs: held.expiresAt - now };
  } else if (!isCurrent(lease, epoch, now) || !isSame(held, report)) {
    return { ok: false, reason: "fenced", epoch: lease.epoch };
  }
  const next: Held = { report, protocol, expiresAt: now + LEASE_TTL_MS, skewMs: theirs - now };
  const succeeded = succeededBy(lease, report);
  return { ok: true, lease: { epoch: epoch ?? lease.epoch + 1, held: next, succeeded }, held: next };
}

const mayTakeOver = ({ succeeded }: Lease, held: Held, { holder, bootId }: Report): boolean =>
  held.report.holder === holder && !succeeded.includes(bootId);

/**
 * Who comes back after a lapse is no longer one of them, and whom it comes after is. Another installation's time between
 * changes nothing: who was frozen may wake up behind it.
 */
function succeededBy({ held, succeeded }: Lease, { holder, bootId }: Report): string[] {
  if (held?.report.bootId === bootId) return succeeded;
  const others = succeeded.filter((one) => one !== bootId);
  return held?.report.holder === holder ? [held.report.bootId, ...others].slice(0, KEEP_BOOTS) : others;
}

/** Whether the agent takes new work, as far as it is concerned. */
export const isLeaving = ({ held }: Lease): boolean => held?.report.isDraining ?? false;

/** Workloads of the process driver end with their agent; a cluster's serve on without one. */
export const isIngressLeaving = (lease: Lease): boolean =>
  isLeaving(lease) && lease.held?.report.driver === "process";

/** Ends what is held, and its epoch with it. */
export const endLease = (lease: Lease, now: Millis): Lease =>
  lease.held && isHeld(lease, now) ? { ...lease, held: { ...lease.held, expiresAt: now } } : lease;

/** An epoch is of one process: another that names it is not heard. */
const isSame = (held: Held | null, { holder, bootId }: Report): boolean =>
  held?.report.holder === holder && held.report.bootId === bootId;
