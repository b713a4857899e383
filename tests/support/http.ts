/** Requests to deployed hosts: Node's resolver does not know `*.localhost`, and `fetch` can't name another host. */
import { request } from "node:http";
import { Readable } from "node:stream";

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

const EMPTY = new Set([101, 204, 205, 304]);

export function get(address: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<Response> {
  const url = new URL(address);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port: url.port,
        path: url.pathname + url.search,
        method,
        headers: { host: url.host, ...headers },
      },
      (found) => {
        const status = found.statusCode ?? 0;
        const given = new Headers();
        for (let i = 0; i < found.rawHeaders.length; i += 2)
          given.append(found.rawHeaders[i] ?? "", found.rawHeaders[i + 1] ?? "");
        if (EMPTY.has(status)) found.resume();
        const stream = EMPTY.has(status) ? null : (Readable.toWeb(found) as ReadableStream);
        resolve(new Response(stream, { status, headers: given }));
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}
