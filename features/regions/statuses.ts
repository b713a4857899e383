/**
 * What a region says of its workloads, and what a release makes of it. Silence is never readiness: what was not said of
 * the generation that is wanted now is unknown.
 */
import type { Desired, Ready, WorkloadStatus } from "@cloudify/protocol";
import { MINUTE, type Millis } from "#core/time.ts";
import type { FromRegion } from "./rpc.ts";

/** It may still come, for as long as the release itself waits. */
const HOPEFUL: readonly string[] = ["Pending", "Starting", "Progressing"];
/** Trying again would not help; what did not listen was waited for before it was said. */
const HOPELESS: readonly string[] = ["Invalid", "NotListening"];
/** An end counts once it has come back so often: a program may wait for another. */
const MAX_RESTARTS = 3;
/** Whatever else keeps it from being ready counts once it has for so long: an image may be slow, or a call may fail. */
const MEND_MS = MINUTE;

export type Statuses = ReadonlyMap<string, WorkloadStatus>;

/** A status of an older generation than the last one changes nothing; a full report forgets what it does not name. */
export function report(
  statuses: Statuses,
  { isFull, items }: { isFull: boolean; items: readonly WorkloadStatus[] },
): Statuses {
  const named = new Set(items.map(({ id }) => id));
  const next = new Map([...statuses].filter(([id]) => !isFull || named.has(id)));
  for (const one of items) {
    const known = next.get(one.id);
    if (!known || known.generation <= one.generation) next.set(one.id, one);
  }
  return next;
}

/** Of each wanted workload, in the order of their ids. */
export function statusesOf(
  wanted: readonly Desired[],
  statuses: Statuses,
  isSilent: boolean,
): WorkloadStatus[] {
  return [...wanted].sort((a, b) => (a.id < b.id ? -1 : 1)).map((item) => statusOf(item, statuses, isSilent));
}

function statusOf({ id, generation }: Desired, statuses: Statuses, isSilent: boolean): WorkloadStatus {
  const said = statuses.get(id);
  if (said?.generation === generation) {
    if (!isSilent) return said;
    const detail = `The region is silent; it last said ${said.reason}.`;
    return { ...said, ready: "unknown", reason: "RegionSilent", detail };
  }
  const reason = isSilent ? "RegionSilent" : "Pending";
  const detail = "The region has said nothing of it yet.";
  return { id, generation, ready: "unknown", reason, detail, restarts: 0, coldStartMs: null, since: 0 };
}

/** Of all together. */
export function readiness(all: readonly WorkloadStatus[]): Ready {
  if (all.some(({ ready }) => ready === "false")) return "false";
  return all.every(({ ready }) => ready === "true") ? "true" : "unknown";
}

/**
 * What is to be told of a deployment's workloads; `null` as long as it is open.
 *
 * @param now By the agent's clock, which says since when something is so.
 */
export function placed(region: string, all: readonly WorkloadStatus[], now: Millis): FromRegion | null {
  const lost = all.find((one) => isLost(one, now));
  if (lost) return { type: "placed", region, ok: false, detail: `${lost.reason}: ${lost.detail}` };
  return readiness(all) === "true" ? { type: "placed", region, ok: true } : null;
}

function isLost({ ready, reason, restarts, since }: WorkloadStatus, now: Millis): boolean {
  if (ready !== "false" || HOPEFUL.includes(reason)) return false;
  return HOPELESS.includes(reason) || restarts >= MAX_RESTARTS || now >= since + MEND_MS;
}
