/** Passes a request on to a server on this machine, and its answer back, as they are. */
import { Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { answerOn, tokens } from "./upgrade.ts";

export interface Upstream {
  host: string;
  port: number;
}

/** Sees the head of an answer; resolves to whether it has answered itself. */
export type Intercept = (res: ServerResponse, found: IncomingMessage) => Promise<boolean>;

/** RFC 9110, 7.6.1, beside what `connection` names; and what was answered here already. */
const OF_THE_CONNECTION = ["connection", "keep-alive", "proxy-connection", "upgrade", "expect"];
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

export function forward(
  req: IncomingMessage,
  res: ServerResponse,
  { host, port }: Upstream,
  intercept: Intercept,
): Promise<void> {
  const { method = "GET", url = "/" } = req;
  return new Promise((resolve) => {
    const headers = kept(req.rawHeaders, [...OF_THE_CONNECTION, ...tokens(req.headers.connection)]);
    const asked = request({ host, port, method, path: url, headers, agent, setHost: false });
    asked.once("error", () => {
      if (res.destroyed || res.headersSent) res.destroy();
      else unanswered(res);
      resolve();
    });
    asked.once("response", (found) => void passBack(found, res, intercept).then(resolve));
    res.once("close", () => {
      if (!res.writableFinished) asked.destroy();
    });
    pipeline(req, asked).catch(() => asked.destroy());
  });
}

const OF_ANSWERS = ["connection", "keep-alive", "transfer-encoding"];

async function passBack(found: IncomingMessage, res: ServerResponse, intercept: Intercept): Promise<void> {
  if (await intercept(res, found)) return void found.resume();
  const { statusCode = 502, statusMessage } = found;
  res.sendDate = false;
  res.writeHead(statusCode, statusMessage, kept(found.rawHeaders, OF_ANSWERS));
  // One that breaks off is broken off here too.
  await pipeline(found, res).catch(() => res.destroy());
}

function unanswered(res: ServerResponse): void {
  res.writeHead(502, { "content-type": "text/plain" });
  res.end("The platform behind this address does not answer.\n");
}

/**
 * Asks one server after the other, each once, until one takes the socket. When none does, the client is given the
 * answer of the last that gave one: the platform asks the framework's server as well, but not for a socket.
 *
 * @returns The status that the client was given: 101, or that of a refusal; 502 when there was no answer.
 */
export async function forwardUpgrade(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  places: readonly Upstream[],
  intercept: Intercept,
): Promise<number> {
  const left = new AbortController();
  socket.once("close", () => left.abort());
  let refusal: IncomingMessage | null = null;
  for (const place of places) {
    const found = await ask(req, place, left.signal);
    if (found === null) continue;
    const { answer, upstream, rest } = found;
    refusal?.destroy();
    if (upstream === null) {
      // Unread, so that it need not be asked for again.
      refusal = answer;
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
  if (left.signal.aborted) return refusal?.statusCode ?? 502;
  const res = answerOn(req, socket);
  if (refusal) await passBack(refusal, res, intercept);
  else unanswered(res);
  return res.statusCode;
}

interface Upgraded {
  answer: IncomingMessage;
  /** `null`: it answered without taking the socket. */
  upstream: Duplex | null;
  rest: Buffer;
}

/** @param left Aborted when the client no longer waits. @returns `null` when there was no answer. */
function ask(req: IncomingMessage, { host, port }: Upstream, left: AbortSignal): Promise<Upgraded | null> {
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
      signal: left,
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

const kept = (raw: readonly string[], without: readonly string[]): string[] =>
  pairs(raw).flatMap(([name, value]) => (without.includes(name.toLowerCase()) ? [] : [name, value]));

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([raw[at] ?? "", raw[at + 1] ?? ""]);
  return found;
}
