/** Kubernetes' events as lines of the deployments that they are of. Pure. */
import type { PodLine } from "./pod-contract.ts";
import type { KubeEvent } from "./types.ts";

/** What the cluster says of each start and stop is of interest to those who look for it. */
const SERIOUS = new Set(["FailedScheduling", "BackOff", "Failed", "FailedCreate", "FailedMount", "Evicted"]);

export function lineOf({ involvedObject, type, reason, message, count }: KubeEvent): PodLine {
  const times = count && count > 1 ? ` (${count} times)` : "";
  const level = type !== "Warning" ? "debug" : SERIOUS.has(reason ?? "") ? "error" : "warn";
  const text = `${involvedObject.kind} ${involvedObject.name}: ${reason ?? ""}: ${message ?? ""}${times}`;
  return { function: null, level, text };
}

export const timeOf = ({ eventTime, lastTimestamp, metadata }: KubeEvent): number =>
  Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "") || 0;

/** Of `w-a-1f`, `w-a-1f-<replica set>` and `w-a-1f-<replica set>-<pod>`: names that the object's owner may have. */
export function ownersOf(name: string): string[] {
  const parts = name.split("-");
  return [0, 1, 2].map((less) => parts.slice(0, parts.length - less).join("-")).filter(Boolean);
}
