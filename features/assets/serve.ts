/**
 * Answers a request with one static file, as RFC 9110 has it: methods, validators, conditions, ranges, encodings. Where
 * the bytes lie is the caller's business, and so is making a Response of what is said here.
 */
import { Fields, type HeaderList } from "#core/headers.ts";
import type { StaticFile } from "#features/sites/site.ts";
import { evaluate, rangeHolds, type Validators } from "./conditional.ts";
import { isCompressible } from "./content-type.ts";
import { type Encoding, negotiate } from "./negotiate.ts";
import { parseRange, type Span } from "./ranges.ts";

export interface Ask {
  method: string;
  header(name: string): string | null;
  /** The client's own; the runtime rewrites the header. Asked for only when the file has more than one form. */
  acceptEncoding(): string | null;
  file: StaticFile;
  /**
   * 200, or that of the error or the route whose page this is. Conditions and ranges are for 200 only; an error has its
   * page whatever the method.
   */
  status: number;
  /** What routes set; these win over what is said here, but for what describes the bytes sent. */
  headers: Readonly<HeaderList>;
  /** Unix milliseconds. */
  lastModified: number | null;
}

type Bytes = Uint8Array;

/** Gives the bytes of one form of the file. `null`: they are not there. */
export type Open = (encoding: Encoding, span?: Span) => Promise<ReadableStream | Bytes | null>;

export type Served =
  | {
      ok: true;
      status: number;
      headers: Fields;
      body: ReadableStream | Bytes | null;
      /** Of the body. */
      bytes: number;
    }
  | { ok: false };

const METHODS = "GET, HEAD, OPTIONS";
const DEFAULT_CACHE = "public, max-age=0, must-revalidate";
/** They describe the bytes that are sent, which a route does not know. */
const OURS = new Set([
  "content-length",
  "content-range",
  "content-encoding",
  "transfer-encoding",
  "accept-ranges",
  "etag",
]);

/** They are about the file, or how long to keep it: a refusal is not to be kept. */
const OF_FILE = new Set(["content-type", "last-modified", "cache-control", "expires"]);

export async function serveStatic(ask: Ask, open: Open): Promise<Served> {
  const { method, file, status } = ask;
  if (method !== "GET" && method !== "HEAD" && status < 400) return refusal(ask);

  const range = method === "GET" && status === 200 ? ask.header("range") : null;
  const validators = (encoding: Encoding): Validators => ({
    etag: etagOf(file, encoding),
    lastModified: ask.lastModified,
  });
  const ranges =
    range !== null && rangeHolds(ask.header("if-range"), validators("identity"))
      ? parseRange(range, file.size)
      : WHOLE;
  const forms = stored(file);
  const isChosen = ranges.kind === "whole" && forms.length > 0;
  const encoding = isChosen ? negotiate(ask.acceptEncoding(), forms) : "identity";
  const headers = describe(ask, validators(encoding));

  if (status === 200) {
    const outcome = evaluate((name) => ask.header(name), validators(encoding));
    if (outcome === "not-modified") return plain(304, notModified(headers));
    if (outcome === "precondition-failed") return without(ask, 412, [["etag", etagOf(file, encoding)]]);
  }
  switch (ranges.kind) {
    case "unsatisfiable":
      return without(ask, 416, [
        ["content-range", `bytes */${file.size}`],
        ["accept-ranges", "bytes"],
      ]);
    case "spans": {
      const [only, ...others] = ranges.spans;
      if (only && others.length === 0) return part(ask, headers, only, open);
      return parts(ask, headers, ranges.spans, open);
    }
    case "whole": {
      const size = encoding === "identity" ? file.size : (file[encoding] ?? 0);
      headers.set("content-length", String(size));
      if (encoding !== "identity") headers.set("content-encoding", encoding);
      const body = method === "HEAD" ? null : size === 0 ? new Uint8Array(0) : await open(encoding);
      if (method !== "HEAD" && body === null) return { ok: false };
      return answer(body, status, headers, method === "HEAD" ? 0 : size);
    }
  }
}

/** Of a method that is not for files. A preflight asks for no more than what routes say of other origins. */
const refusal = (ask: Ask): Served =>
  ask.method === "OPTIONS"
    ? without(ask, 204, [["allow", METHODS]])
    : without(ask, 405, [
        ["allow", METHODS],
        ["content-length", "0"],
      ]);

/** An answer without the file: what routes say goes along, but for what they say of the file. */
function without(ask: Ask, status: number, headers: HeaderList): Served {
  const said = ask.headers.filter(([name]) => !OURS.has(name) && !OF_FILE.has(name));
  return plain(status, new Fields([...headers, ...said]));
}

const WHOLE = { kind: "whole" } as const;

const stored = (file: StaticFile): ("br" | "gzip")[] =>
  (["br", "gzip"] as const).filter((encoding) => file[encoding] !== undefined);

/** Each form has its own strong validator: their bytes differ. */
const etagOf = (file: StaticFile, encoding: Encoding): string =>
  `"${file.sha256.slice(0, 32)}${encoding === "identity" ? "" : `-${encoding}`}"`;

function describe(ask: Ask, { etag, lastModified }: Validators): Fields {
  const headers = new Fields([
    ["content-type", ask.file.type],
    ["cache-control", DEFAULT_CACHE],
  ]);
  for (const [name, value] of ask.headers) if (!OURS.has(name)) headers.set(name, value);
  if (isCompressible(ask.file.type)) headers.append("vary", "accept-encoding");
  headers.set("etag", etag);
  if (ask.status === 200) headers.set("accept-ranges", "bytes");
  if (lastModified !== null && !headers.has("last-modified")) {
    headers.set("last-modified", new Date(lastModified).toUTCString());
  }
  return headers;
}

/** 15.4.5: what a cache needs to freshen what it holds, and nothing that describes a body. */
function notModified(headers: Fields): Fields {
  for (const name of ["content-type", "content-length", "accept-ranges", "last-modified"])
    headers.delete(name);
  return headers;
}

async function part(ask: Ask, headers: Fields, span: Span, open: Open): Promise<Served> {
  const body = await open("identity", span);
  if (body === null) return { ok: false };
  headers.set("content-range", contentRange(span, ask.file.size));
  headers.set("content-length", String(span.length));
  return answer(body, 206, headers, span.length);
}

/** 14.6. The boundary is the digest: it can't be foreseen by whoever wrote another file, and needs no random bytes. */
async function parts(ask: Ask, headers: Fields, spans: Span[], open: Open): Promise<Served> {
  const boundary = `cloudify-${ask.file.sha256.slice(0, 24)}`;
  const type = headers.get("content-type") ?? "application/octet-stream";
  const encoder = new TextEncoder();
  const heads = spans.map((span) =>
    encoder.encode(
      `\r\n--${boundary}\r\ncontent-type: ${type}\r\ncontent-range: ${contentRange(span, ask.file.size)}\r\n\r\n`,
    ),
  );
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`);
  const size = tail.length + spans.reduce((sum, span, i) => sum + span.length + (heads[i]?.length ?? 0), 0);
  headers.set("content-type", `multipart/byteranges; boundary=${boundary}`);
  headers.set("content-length", String(size));
  return answer(stream(segments(spans, heads, tail, open)), 206, headers, size);
}

async function* segments(spans: Span[], heads: Bytes[], tail: Bytes, open: Open): AsyncGenerator<Uint8Array> {
  for (const [i, span] of spans.entries()) {
    const body = await open("identity", span);
    if (body === null) throw new Error("the bytes of a range are gone");
    yield heads[i] ?? tail;
    if (body instanceof Uint8Array) yield body;
    else yield* body as unknown as AsyncIterable<Uint8Array>;
  }
  yield tail;
}

const stream = (chunks: AsyncGenerator<Uint8Array>): ReadableStream =>
  new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });

const contentRange = ({ offset, length }: Span, size: number): string =>
  `bytes ${offset}-${offset + length - 1}/${size}`;

const plain = (status: number, headers: Fields): Served => answer(null, status, headers, 0);

const answer = (
  body: ReadableStream | Bytes | null,
  status: number,
  headers: Fields,
  bytes: number,
): Served => ({ ok: true, status, headers, body, bytes });
