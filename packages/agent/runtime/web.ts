/** Handlers of the web's kind: a Request in, a Response out, both streamed. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { headersOf, urlOf } from "./heads.ts";
import type { Handle } from "./load.ts";
import { scopes } from "./scopes.ts";

export type WebHandler = (request: Request, context: object) => unknown;

export const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"] as const;

/** No `Request` can have them (Fetch standard, "forbidden method"). */
const FORBIDDEN = new Set(["CONNECT", "TRACE", "TRACK"]);

/**
 * As for edge functions: HEAD is made of GET, OPTIONS tells what there is, and any other method without a handler is 405.
 *
 * @param others Takes every method that `handlers` does not name, also those that are not in {@link METHODS}.
 */
export function fromWeb(handlers: ReadonlyMap<string, WebHandler>, others: WebHandler | null): Handle {
  const head = handlers.get("HEAD") ?? handlers.get("GET");
  const all = new Map(head ? [...handlers, ["HEAD", head]] : handlers);
  const allow = [...new Set([...all.keys(), "OPTIONS"])].join(", ");
  return async (req, res) => {
    const method = req.method ?? "GET";
    const handler = all.get(method) ?? (FORBIDDEN.has(method) ? null : others);
    if (!handler) {
      res.writeHead(method === "OPTIONS" ? 204 : 405, { allow }).end();
      return;
    }
    const abort = new AbortController();
    const onClose = (): void => abort.abort();
    res.once("close", onClose);
    const response = await handler(toRequest(req, abort.signal), contextOf());
    if (!isResponse(response)) {
      throw new Error(`The handler of ${method} returned ${typeof response}, not a Response.`);
    }
    await send(response, res, method === "HEAD", () => res.off("close", onClose));
  };
}

const contextOf = (): object => {
  const shared = (globalThis as Record<symbol, { get?(): object } | undefined>)[
    Symbol.for("@vercel/request-context")
  ];
  return scopes.getStore()?.call ? (shared?.get?.() ?? {}) : {};
};

function toRequest(req: IncomingMessage, signal: AbortSignal): Request {
  const method = req.method ?? "GET";
  const hasBody =
    method !== "GET" &&
    method !== "HEAD" &&
    (req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"] ?? 0) > 0);
  return new Request(urlOf(req), {
    method,
    headers: headersOf(req),
    signal,
    ...(hasBody ? { body: Readable.toWeb(req) as unknown as ReadableStream, duplex: "half" } : {}),
  } as RequestInit);
}

/** Frameworks bring classes of their own: what looks like a Response is one. */
const isResponse = (value: unknown): value is Response =>
  typeof value === "object" &&
  value !== null &&
  "status" in value &&
  typeof value.status === "number" &&
  "headers" in value &&
  "body" in value;

/** @param onSent Called when all of it is written, before the answer is closed. */
async function send(
  response: Response,
  res: ServerResponse,
  isHead: boolean,
  onSent: () => void,
): Promise<void> {
  res.statusCode = response.status;
  if (response.statusText) res.statusMessage = response.statusText;
  for (const [name, value] of response.headers) if (name !== "set-cookie") res.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) res.setHeader("set-cookie", cookies);
  const { body } = response;
  if (!body || isHead) {
    await body?.cancel();
    onSent();
    res.end();
    return;
  }
  res.flushHeaders();
  const reader = (body as unknown as NodeStream<Uint8Array | string>).getReader();
  const onClose = (): void => void reader.cancel().catch(() => {});
  res.once("close", onClose);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!res.write(value)) await drained(res);
  }
  res.off("close", onClose);
  onSent();
  res.end();
}

/** Resolves when there is room again, or nobody reads any more. */
const drained = (res: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done).off("close", done);
      resolve();
    };
    res.on("drain", done).on("close", done);
    if (res.destroyed) done();
  });
