/** Heads of requests, as the functions see them. */
import type { IncomingMessage } from "node:http";
import { FUNCTION_HEADER, INGRESS_KEY_HEADER, TIMEOUT_HEADER } from "@cloudify/protocol";

/** Between the ingress and this process only. */
const INTERNAL = new Set([FUNCTION_HEADER, INGRESS_KEY_HEADER, TIMEOUT_HEADER]);
/** Of the connection, not of the message (RFC 9110 section 7.6.1). */
const OF_CONNECTION = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "expect"]);

export interface Internal {
  function: string;
  /** Milliseconds; `null`: the function's own limit alone. */
  timeoutMs: number | null;
}

/** Reads what is for this process, takes it out of the request, and gives the request the host that was asked for. */
export function takeInternal(req: IncomingMessage): Internal {
  const timeout = Number(req.headers[TIMEOUT_HEADER]);
  const internal = {
    function: String(req.headers[FUNCTION_HEADER] ?? ""),
    timeoutMs: timeout > 0 ? timeout : null,
  };
  // On the way from the edge `host` names the region's ingress.
  const host = first(req.headers["x-forwarded-host"]);
  const kept: string[] = [];
  for (const [name, value] of pairs(req)) {
    const lower = name.toLowerCase();
    if (!INTERNAL.has(lower)) kept.push(name, lower === "host" ? (host ?? value) : value);
  }
  req.rawHeaders = kept;
  for (const name of INTERNAL) delete req.headers[name];
  if (host !== undefined) req.headers.host = host;
  return internal;
}

/** The URL that the visitor asked for, as the edge says it. */
export function urlOf(req: IncomingMessage): string {
  const protocol = first(req.headers["x-forwarded-proto"]) ?? "http";
  const path = req.url?.startsWith("/") ? req.url : "/";
  return `${protocol}://${req.headers.host ?? "localhost"}${path}`;
}

export function headersOf(req: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of pairs(req))
    if (!OF_CONNECTION.has(name.toLowerCase())) headers.append(name, value);
  return headers;
}

function* pairs({ rawHeaders }: IncomingMessage): Generator<[string, string]> {
  for (let i = 0; i < rawHeaders.length; i += 2) yield [rawHeaders[i] ?? "", rawHeaders[i + 1] ?? ""];
}

const first = (value: string | string[] | undefined): string | undefined =>
  (Array.isArray(value) ? value[0] : value)?.split(",")[0]?.trim();
