/** Whether an object in the cluster is still what was applied. Pure. */
import type { KubeObject } from "./types.ts";

/**
 * Only in what we said: defaults, and what others say beside it, are none of our business. A quantity may be written in
 * another way (`1024Mi` as `1Gi`), which looks like a drift; applying it then changes nothing.
 */
export function hasDrifted(wanted: KubeObject, found: KubeObject): boolean {
  const { labels, annotations } = wanted.metadata;
  const { apiVersion: _, kind: __, metadata: ___, ...content } = wanted;
  return !holds(content, found) || !holds({ labels, annotations }, found.metadata);
}

function holds(wanted: unknown, found: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (wanted.length === 0 && found === undefined) return true;
    if (!Array.isArray(found) || found.length !== wanted.length) return false;
    return wanted.every((one, at) => holds(one, found[at]));
  }
  if (typeof wanted === "object" && wanted !== null) {
    if (typeof found !== "object" || found === null) return Object.keys(wanted).length === 0;
    const other = found as Record<string, unknown>;
    return Object.entries(wanted).every(([key, one]) => one === undefined || holds(one, other[key]));
  }
  return wanted === found;
}
