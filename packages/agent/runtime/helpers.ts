/**
 * What `@vercel/node` adds to requests and answers: `req.query`, `req.cookies`, `req.body`, `res.status()`, `res.send()`,
 * `res.json()`, `res.redirect()`.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { parse as parseForm } from "node:querystring";
import { buffered, isParsed, mediaType } from "./body.ts";
import { Refusal } from "./faults.ts";
import type { Handle } from "./load.ts";

interface Helped extends ServerResponse {
  status(code: number): Helped;
  send(body?: unknown): Helped;
  json(body?: unknown): Helped;
  redirect(statusOrUrl: number | string, url?: string): Helped;
}

/** The body is read before the function is called, if it is of a kind that `req.body` knows; others are left to stream. */
export function withHelpers(handle: Handle): Handle {
  return async (original, answer) => {
    const { req, body } = isParsed(original)
      ? await buffered(original, answer)
      : { req: original, body: Buffer.alloc(0) };
    const res = answer as Helped;
    lazily(req, "query", () => queryOf(req.url ?? "/"));
    lazily(req, "cookies", () => cookiesOf(req.headers.cookie ?? ""));
    lazily(req, "body", () => parse(body, mediaType(req)));
    res.status = (code) => {
      res.statusCode = code;
      return res;
    };
    res.send = (content) => send(req, res, content);
    res.json = (content) => json(req, res, content);
    res.redirect = (statusOrUrl, url) => redirect(res, statusOrUrl, url);
    return handle(req, res);
  };
}

/** @throws Refusal when JSON is malformed: 400 unless the function catches it. */
function parse(body: Buffer, type: string): unknown {
  switch (type) {
    case "application/json":
      try {
        return body.length === 0 ? {} : JSON.parse(body.toString());
      } catch {
        throw new Refusal(400, "Invalid JSON");
      }
    case "application/octet-stream":
      return body;
    case "application/x-www-form-urlencoded":
      return parseForm(body.toString());
    case "text/plain":
      return body.toString();
    default:
      return undefined;
  }
}

function queryOf(url: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const [name, value] of new URLSearchParams(url.split("?").slice(1).join("?").split("#")[0])) {
    const before = Object.hasOwn(query, name) ? query[name] : undefined;
    const now = before === undefined ? value : [before, value].flat();
    // A plain assignment to `__proto__` would lose it.
    Object.defineProperty(query, name, { value: now, writable: true, enumerable: true, configurable: true });
  }
  return query;
}

/** Of two cookies with one name the first stands; a value that is not well encoded stays as it is. */
function cookiesOf(header: string): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null);
  for (const pair of header.split(";")) {
    const end = pair.indexOf("=");
    const name = pair.slice(0, end).trim();
    if (end < 0 || name in cookies) continue;
    const value = pair.slice(end + 1).trim();
    const bare = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    cookies[name] = decoded(bare);
  }
  return { ...cookies };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function json(req: IncomingMessage, res: Helped, content: unknown): Helped {
  if (!res.hasHeader("content-type")) res.setHeader("content-type", "application/json; charset=utf-8");
  return send(req, res, JSON.stringify(content));
}

function send(req: IncomingMessage, res: Helped, content: unknown): Helped {
  if (typeof content === "number" || typeof content === "boolean" || isPlain(content)) {
    return json(req, res, content);
  }
  const bytes = bytesOf(content);
  if (bytes) {
    if (typeof content === "string") {
      const type = String(res.getHeader("content-type") ?? "text/html");
      res.setHeader("content-type", `${type.replace(/;\s*charset=[^;]*/i, "")}; charset=utf-8`);
    } else if (Buffer.isBuffer(content) && !res.hasHeader("content-type")) {
      res.setHeader("content-type", "application/octet-stream");
    }
    res.setHeader("content-length", bytes.length);
    if (!res.hasHeader("etag")) res.setHeader("etag", entityTag(bytes));
  }
  const isBodiless = res.statusCode === 204 || res.statusCode === 304;
  if (isBodiless) {
    for (const name of ["content-type", "content-length", "transfer-encoding"]) res.removeHeader(name);
  }
  if (isBodiless || req.method === "HEAD" || !bytes) res.end();
  else res.end(bytes);
  return res;
}

const isPlain = (content: unknown): boolean =>
  typeof content === "object" && content !== null && !Buffer.isBuffer(content);

/** @returns `null` for nothing at all. @throws For what can't be sent. */
function bytesOf(content: unknown): Buffer | null {
  if (content === undefined) return null;
  if (content === null) return Buffer.alloc(0);
  if (typeof content === "string") return Buffer.from(content);
  if (Buffer.isBuffer(content)) return content;
  throw new Error(
    `res.send() takes a string, an object, a boolean, a number or a Buffer, not a ${typeof content}.`,
  );
}

/** Weak, and of the form that Express gives: the length, and 27 characters of SHA-1. */
const entityTag = (bytes: Buffer): string =>
  `W/"${bytes.length.toString(16)}-${createHash("sha1").update(bytes).digest("base64").slice(0, 27)}"`;

function redirect(res: Helped, statusOrUrl: number | string, url?: string): Helped {
  const [status, location] = typeof statusOrUrl === "string" ? [307, statusOrUrl] : [statusOrUrl, url];
  if (typeof status !== "number" || typeof location !== "string") {
    throw new Error('res.redirect() takes a URL, or a status and a URL: res.redirect(307, "/there").');
  }
  res.writeHead(status, { location }).end();
  return res;
}

/** Computed when it is first read; what a function assigns stands. */
function lazily(req: IncomingMessage, name: string, compute: () => unknown): void {
  const settle = (value: unknown): void => {
    Object.defineProperty(req, name, { value, writable: true, enumerable: true, configurable: true });
  };
  Object.defineProperty(req, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = compute();
      settle(value);
      return value;
    },
    set: settle,
  });
}
