/**
 * An external rewrite: the request goes on to another origin, and its answer comes back as it is. Only public addresses
 * can be reached: the network service behind `EGRESS` looks at the address when it connects, so a name that changes its
 * mind is refused too. A host of this platform is answered by the router itself.
 */
import { type HeaderList, HOP_BY_HOP, setAll } from "#core/headers.ts";
import { Problem } from "#core/problem.ts";
import { MINUTE } from "#core/time.ts";
import { findHost } from "../resolution/hosts.ts";
import type { Scope } from "../scope.ts";

const FIRST_BYTE_MS = MINUTE / 2;

/** Answers a request to a host of this platform, one hop further. */
export type Again = (request: Request) => Promise<Response>;

export async function rewriteOutside(
  scope: Scope,
  request: Request,
  target: string,
  headers: HeaderList,
  again: Again,
): Promise<Response | Problem> {
  const url = checked(target);
  if (url instanceof Problem) return url;
  const outgoing = outgoingRequest(request, url);
  if (await findHost(scope, url.hostname)) {
    // Where the visitor is, and what they take, is known here only.
    const found = await again(new Request(outgoing, { cf: request.cf ?? {} }));
    if (!found.webSocket) setAll(found.headers, headers);
    return found;
  }
  try {
    const signal = AbortSignal.timeout(FIRST_BYTE_MS);
    const send = scope.env.EGRESS
      ? scope.env.EGRESS.fetch(outgoing, { signal })
      : fetch(outgoing, { signal });
    const found = await send;
    const response = new Response(found.body, found);
    setAll(response.headers, headers);
    return response;
  } catch (cause) {
    const isLate = cause instanceof Error && cause.name === "TimeoutError";
    return isLate
      ? new Problem("deadline_exceeded", "The address behind this path did not answer in time.", { cause })
      : new Problem("upstream_failed", "The address behind this path could not be reached.", {
          fix: "Check the destination of the rewrite: it must be a public address that answers.",
          cause,
        });
  }
}

function checked(target: string): URL | Problem {
  const url = URL.canParse(target) ? new URL(target) : null;
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  const port = Number(url?.port || 443);
  if (
    !url ||
    !isWeb ||
    url.username !== "" ||
    url.password !== "" ||
    (port < 1_024 && port !== 80 && port !== 443)
  ) {
    return new Problem("upstream_failed", "The rewrite leads to an address that can't be fetched.", {
      fix: "Use http or https, without credentials, on port 80, 443 or above 1023.",
    });
  }
  return url;
}

function outgoingRequest(request: Request, url: URL): Request {
  const headers = new Headers(request.headers);
  for (const name of HOP_BY_HOP) headers.delete(name);
  const original = new URL(request.url);
  headers.set("x-forwarded-host", original.host);
  headers.set("x-forwarded-proto", original.protocol.slice(0, -1));
  headers.set("x-forwarded-for", headers.get("cf-connecting-ip") ?? "");
  headers.delete("host");
  const { method, body } = request;
  return new Request(url, { method, headers, body, redirect: "manual" });
}
