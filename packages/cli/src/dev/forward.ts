/** Passes a request on to a server on this machine, and its answer back, as they are. */
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface Upstream {
  host: string;
  port: number;
}

/** RFC 9110, 7.6.1; and what was answered here already. */
const OF_THE_CONNECTION = new Set(["connection", "keep-alive", "proxy-connection", "expect"]);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/**
 * @param intercept Sees the head of the answer; resolves to whether it has answered itself.
 */
export function forward(
  req: IncomingMessage,
  res: ServerResponse,
  { host, port }: Upstream,
  intercept: (status: number, headers: IncomingHttpHeaders) => Promise<boolean>,
): Promise<void> {
  const { method = "GET", url = "/" } = req;
  return new Promise((resolve) => {
    const headers = kept(req.rawHeaders, OF_THE_CONNECTION);
    const asked = request({ host, port, method, path: url, headers, agent, setHost: false });
    const fail = () => {
      if (!res.headersSent) res.writeHead(502, { "content-type": "text/plain" });
      res.end("The platform behind this address does not answer.\n");
      resolve();
    };
    asked.once("error", () => (res.destroyed || res.headersSent ? resolve(void res.destroy()) : fail()));
    asked.once("response", async (found) => {
      const { statusCode = 502, statusMessage } = found;
      if (await intercept(statusCode, found.headers)) {
        found.resume();
        return resolve();
      }
      res.sendDate = false;
      res.writeHead(statusCode, statusMessage, kept(found.rawHeaders, OF_ANSWERS));
      // One that breaks off is broken off here too.
      await pipeline(found, res).catch(() => res.destroy());
      resolve();
    });
    res.once("close", () => {
      if (!res.writableFinished) asked.destroy();
    });
    pipeline(req, asked).catch(() => asked.destroy());
  });
}

const OF_ANSWERS = new Set(["connection", "keep-alive", "transfer-encoding"]);

/**
 * Asks one server after the other until one takes the socket.
 *
 * @returns 101, or the status of the last answer, which the client is given; 502 when there was none.
 */
export async function forwardUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  places: readonly Upstream[],
): Promise<number> {
  let last: IncomingMessage | null = null;
  for (const place of places) {
    const found = await ask(req, place);
    if (found === null) continue;
    const { answer, upstream, rest } = found;
    last = answer;
    if (upstream === null) {
      answer.resume();
      continue;
    }
    socket.write(headOf(answer));
    if (rest.length > 0) socket.write(rest);
    if (head.length > 0) upstream.write(head);
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.pipe(socket).pipe(upstream);
    return 101;
  }
  const status = last?.statusCode ?? 502;
  socket.end(
    `HTTP/1.1 ${status} ${last?.statusMessage ?? "Bad Gateway"}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
  );
  return status;
}

interface Upgraded {
  answer: IncomingMessage;
  /** `null`: it answered without taking the socket. */
  upstream: Duplex | null;
  rest: Buffer;
}

function ask(req: IncomingMessage, { host, port }: Upstream): Promise<Upgraded | null> {
  const { method = "GET", url = "/", rawHeaders } = req;
  return new Promise((resolve) => {
    const asked = request({
      host,
      port,
      method,
      path: url,
      headers: [...rawHeaders],
      agent: false,
      setHost: false,
    });
    asked.once("upgrade", (answer, upstream, rest) => resolve({ answer, upstream, rest }));
    asked.once("response", (answer) => resolve({ answer, upstream: null, rest: Buffer.alloc(0) }));
    asked.once("error", () => resolve(null));
    asked.end();
  });
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = pairs(rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join("")}\r\n`;
}

const kept = (raw: readonly string[], without: ReadonlySet<string>): string[] =>
  pairs(raw).flatMap(([name, value]) => (without.has(name.toLowerCase()) ? [] : [name, value]));

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return found;
}
