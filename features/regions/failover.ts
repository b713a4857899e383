/**
 * What follows when a region did not answer for a workload: the next region, or an end. What has begun anywhere is done
 * again only if its method is idempotent. Pure; docs/load-balancing.md has it as a table.
 */
import { type IngressFault, NEVER_BEGUN } from "@cloudify/protocol";

export type Ending =
  /** No connection: nothing was sent. */
  | { kind: "refused" }
  /** The proxy before its ingress has lost the workload on the way: it may have begun. */
  | { kind: "bad-gateway" }
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
    case "bad-gateway":
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
    case "bad-gateway":
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
 * What an answer means that no workload made, but something on the way to it: Cloudflare's network (its documentation of
 * 5xx errors), or the proxy of a cluster, Traefik mostly.
 *
 * @returns `null`: it is about the request itself, and would be the same elsewhere.
 */
export function endingOfStranger(status: number): Ending | null {
  switch (status) {
    case 400: // It is no HTTP.
    case 413: // Its body is too large.
    case 414: // Its address is.
    case 431: // Its headers are.
      return null;
    case 404: // There is no route to the workload, or the ingress key is not the region's.
      return { kind: "fault", fault: "absent" };
    case 503: // There is one, and nothing at its end.
      return { kind: "fault", fault: "unreachable" };
    case 500:
    case 502: // What is at its end takes no connection, or has broken it off.
    case 504: // It says nothing for as long as the proxy waits.
      return { kind: "bad-gateway" };
    case 520: // What it says is no HTTP, or it broke off.
      return { kind: "broken" };
    case 524: // It took the connection and said nothing.
      return { kind: "silent" };
    default:
      // 521, 522, 523, 525, 526, 530: no connection was made. A login, a redirect, a welcome page: nothing gets through.
      return { kind: "refused" };
  }
}
