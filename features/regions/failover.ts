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
  /** No answer, and its ingress does not answer probes either: it may have begun. */
  | { kind: "silent" }
  /** No answer in the time that the function has, though its ingress answers probes. */
  | { kind: "late" };

/** - `next`: another region is asked. - `end`: the visitor is told. */
export type Verdict = "next" | "end";

/**
 * RFC 9110, 9.2.2: a client may repeat these by itself, so a proxy on its behalf may, too. TRACE never comes so far. PUT
 * and DELETE are among them, as for other proxies (nginx repeats all but POST, LOCK and PATCH).
 */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method.toUpperCase());

/**
 * Whether the region has failed, rather than what runs in it: one customer's function must not take a region from all
 * others.
 */
export function isOfRegion({ kind }: Ending): boolean {
  switch (kind) {
    case "refused":
    case "broken":
    case "silent":
      return true;
    case "late":
    case "fault":
      return false;
  }
}

/** @param isWhole Whether the body can be sent again from its beginning. */
export function verdictOf(ending: Ending, method: string, isWhole: boolean): Verdict {
  if (!isWhole) return "end";
  switch (ending.kind) {
    case "refused":
      return "next";
    case "broken":
    case "silent":
      return isIdempotent(method) ? "next" : "end";
    case "late":
      // It would be late elsewhere, too.
      return "end";
    case "fault":
      return NEVER_BEGUN.includes(ending.fault) ? "next" : "end";
  }
}

/**
 * What Cloudflare's network answers in the place of an origin (its documentation of 5xx errors). On one machine there is
 * no such network, and they would be a function's own.
 */
export function endingOfStatus(status: number): Ending | null {
  switch (status) {
    case 521: // It refuses connections.
    case 522: // It takes none in time.
    case 523: // There is no way to it.
    case 525: // TLS can't be agreed upon.
    case 526: // Its certificate is not valid.
    case 530: // Its name can't be resolved.
      return { kind: "refused" };
    case 520: // What it says is no HTTP, or it broke off.
      return { kind: "broken" };
    case 524: // It took the connection and said nothing.
      return { kind: "silent" };
    default:
      return null;
  }
}
