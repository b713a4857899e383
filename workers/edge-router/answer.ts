/** An answer on its way out: a Response that is there already, or what one is to be made of, which is made once. */
import { Fields, type HeaderList, HOP_BY_HOP, setAll } from "#core/headers.ts";
import type { RequestChange } from "#features/routing/transforms.ts";

export interface Draft {
  status: number;
  headers: Fields;
  body: ReadableStream | Uint8Array | null;
  /** `manual`: the bytes are in the form that `content-encoding` says, and the runtime must not make it again. */
  encodeBody: "automatic" | "manual";
}

export type Made = Response | Draft;

/**
 * A WebSocket that a function has accepted, with what it says of it: the subprotocol that it chose (RFC 6455, 4.2.2),
 * cookies. What is about the connection each hop says itself.
 *
 * @param headers Of the function's answer.
 */
export function accepted(webSocket: WebSocket, headers: Fields): Response {
  const response = new Response(null, { status: 101, webSocket });
  const own = [...headers].filter(([name]) => !OF_HANDSHAKE.has(name) && !HOP_BY_HOP.includes(name));
  setAll(response.headers, own);
  return response;
}

const OF_HANDSHAKE: ReadonlySet<string> = new Set([
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "content-length",
  "transfer-encoding",
]);

/** RFC 9110, 6.4.1: they have no content, also where a route gives them to something that has. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

function emptied({ headers, body }: Draft): null {
  if (body !== null) headers.delete("content-length");
  if (body instanceof ReadableStream) body.cancel().catch(() => undefined);
  return null;
}

/** @param said What goes into every head, whatever was made. */
export function finished(made: Made, said: Readonly<HeaderList>): Response {
  if (made instanceof Response) {
    setAll(made.headers, said);
    return made;
  }
  const { status, headers, encodeBody } = made;
  const body = EMPTY.has(status) ? emptied(made) : made.body;
  setAll(headers, said);
  return new Response(body as BodyInit | null, { status, headers: headers.toInit(), encodeBody });
}

/**
 * What a function says stands, and routes fill in what it does not say: "if you return headers in a Vercel Function, it
 * will override the headers defined for the same route" (Vercel's documentation of its cache). Cookies stand beside each
 * other, each once: Next.js says again what its middleware has set.
 *
 * @param firm Names to which this does not apply.
 */
export function withHeaders(made: Made, list: Readonly<HeaderList>, firm: ReadonlySet<string>): Made {
  if (made instanceof Response && made.webSocket) return made;
  const { headers } = made;
  const names = [...(headers instanceof Headers ? headers.keys() : headers.names())];
  for (const name of names) if (name.startsWith("x-middleware-")) headers.delete(name);
  if (list.length === 0) return made;
  const said = new Set(names);
  const cookies = new Set(headers.getSetCookie());
  const isOpen = (name: string, value: string) =>
    name === "set-cookie" ? !cookies.has(value) : firm.has(name) || !said.has(name);
  setAll(
    headers,
    list.filter(([name, value]) => isOpen(name, value)),
  );
  return made;
}

/** `transforms` of the answer, whoever made it. */
export function transformed(made: Made, changes: readonly RequestChange[]): Made {
  if (changes.length === 0 || (made instanceof Response && made.webSocket)) return made;
  const before = made.headers instanceof Headers ? made.headers : new Headers(made.headers.toInit());
  const headers = changes.reduce((so, change) => change.apply(so), before);
  if (!(made instanceof Response)) return { ...made, headers: new Fields(headers) };
  const { status, statusText, body } = made;
  return new Response(body, { status, statusText, headers });
}
