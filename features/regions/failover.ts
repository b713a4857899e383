/**
 * What follows when a region did not answer for a workload: the next region, or an end. What has begun anywhere is done
 * again only if its method is idempotent. Pure; docs/load-balancing.md has it as a table.
 */
import { type IngressFault, NEVER_BEGUN } from "@cloudify/protocol";

export type Ending =
  /** No connection: nothing was sent. */
  | { kind: "refused" }
  | { kind: "fault"; fault: IngressFault }
  /** The connection ended before the head of an answer. */
  | { kind: "broken" }
  /** No answer, and its ingress is down or past the time limit: it may have begun. */
  | { kind: "silent" };

/** - `next`: another region is asked. - `end`: the visitor is told. */
export type Verdict = "next" | "end";

/**
 * RFC 9110, 9.2.2: a client may repeat these by itself, so a proxy on its behalf may, too. TRACE never comes so far. PUT
 * and DELETE are among them, as for other proxies (nginx repeats all but POST, LOCK and PATCH).
 */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method.toUpperCase());

/** @param isWhole Whether the body can be sent again from its beginning. */
export function verdictOf(ending: Ending, method: string, isWhole: boolean): Verdict {
  if (!isWhole) return "end";
  switch (ending.kind) {
    case "refused":
      return "next";
    case "broken":
    case "silent":
      return isIdempotent(method) ? "next" : "end";
    case "fault":
      return NEVER_BEGUN.includes(ending.fault) ? "next" : "end";
  }
}

/** A region fails, rather than the workload in it. */
export const isOfRegion = ({ kind }: Ending): boolean => kind !== "fault";
