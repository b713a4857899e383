/** What a hostname stands for, as the edge reads it from KV under `host:<hostname>`. Knows no store. */
export interface HostRecord {
  v: 1;
  kind: "pointer" | "deployment";
  /** A pointer's target, or a deployment's id. */
  ref: string;
  project: string;
  team: string;
}

export const hostKey = (hostname: string): string => `host:${hostname}`;

/**
 * The names to look up for a request's host, best first: exact, then a wildcard of one label.
 *
 * @param host As in the `Host` header; a port and a trailing dot do not count.
 */
export function candidates(host: string): string[] {
  const name = host.replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
  const dot = name.indexOf(".");
  return dot > 0 ? [name, `*${name.slice(dot)}`] : [name];
}
