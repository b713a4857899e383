/** An answer on its way out: a Response that is there already, or what one is to be made of, which is made once. */
import { type Fields, type HeaderList, setAll } from "#core/headers.ts";

export interface Draft {
  status: number;
  headers: Fields;
  body: ReadableStream | Uint8Array | null;
  /** `manual`: the bytes are in the form that `content-encoding` says, and the runtime must not make it again. */
  encodeBody: "automatic" | "manual";
}

export type Made = Response | Draft;

/** @param said What goes into every head, whatever was made. */
export function finished(made: Made, said: Readonly<HeaderList>): Response {
  if (made instanceof Response) {
    // A WebSocket is passed on as it is; its head came over the network and can't be set.
    const response = made.webSocket ? new Response(null, { status: 101, webSocket: made.webSocket }) : made;
    setAll(response.headers, said);
    return response;
  }
  const { status, headers, body, encodeBody } = made;
  for (const [name, value] of said) headers.set(name, value);
  return new Response(body as BodyInit | null, { status, headers: headers.toInit(), encodeBody });
}

/** What routes and middlewares set goes before what a function set; cookies stand beside each other. */
export function withHeaders(made: Made, list: Readonly<HeaderList>): Made {
  if (made instanceof Response) {
    if (!made.webSocket) setAll(made.headers, list);
    return made;
  }
  for (const name of made.headers.names()) if (name.startsWith("x-middleware-")) made.headers.delete(name);
  for (const [name, value] of list) made.headers.set(name, value);
  return made;
}
