/**
 * A small ingress of a region, as a process of its own that can be stopped and killed. It speaks the ingress's part of
 * packages/protocol/call.ts and runs no code: what it "runs" answers by its path. Forked, this file is the process.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import {
  COLD_HEADER,
  FUNCTION_HEADER,
  HEALTH_PATH,
  INGRESS_FAULT_HEADER,
  INGRESS_HEADER,
  INGRESS_KEY_HEADER,
  type IngressFault,
  WORKLOAD_PREFIX,
} from "@cloudify/protocol";

const HERE = fileURLToPath(import.meta.url);

/**
 * What it does with calls; the health path always answers. `absent-behind-body`: it has read it before it says so. A status:
 * as the proxy of a cluster would say it by itself.
 */
export type Manner =
  | "answer"
  | IngressFault
  | "absent-behind-body"
  | "reset"
  | "reset-in-head"
  | 200
  | 308
  | 404
  | 413
  | 502
  | 503;

/** What it was asked for a workload. */
export interface Heard {
  method: string;
  path: string;
  headers: Record<string, string>;
  bodyBytes: number;
}

export class Ingress {
  readonly name: string;
  readonly key: string;
  port = 0;
  #child: ChildProcess | null = null;

  constructor(name: string, key: string) {
    this.name = name;
    this.key = key;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** On the port that it had before, if it had one. */
  async start(): Promise<void> {
    const child = fork(HERE, [this.name, this.key, String(this.port)]);
    this.#child = child;
    [this.port] = (await once(child, "message")) as [number];
  }

  async behave(manner: Manner): Promise<void> {
    await this.#ask({ manner });
  }

  /** Since it was asked last. */
  async heard(): Promise<Heard[]> {
    return (await this.#ask({})) as Heard[];
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  async #ask(message: { manner?: Manner }): Promise<unknown> {
    const child = this.#child;
    if (!child) throw new Error(`${this.name} does not run`);
    const answer = once(child, "message");
    child.send(message);
    return (await answer)[0];
  }
}

function serve(name: string, key: string, port: number): void {
  let manner: Manner = "answer";
  let heard: Heard[] = [];
  const hear = ({ method = "", headers }: IncomingMessage, path: string, bodyBytes = 0): Heard => {
    const one = { method, path, headers: headers as Record<string, string>, bodyBytes };
    heard.push(one);
    return one;
  };

  const server = createServer(async (req, res) => {
    const { url = "/", headers, socket } = req;
    if (url === HEALTH_PATH) return res.end("ok\n");
    if (headers[INGRESS_KEY_HEADER] !== key || !url.startsWith(WORKLOAD_PREFIX))
      return res.writeHead(404).end();
    const path = url.slice(WORKLOAD_PREFIX.length).replace(/^[^/]+\/[^/]+/, "");
    const begun = hear(req, path);
    switch (manner) {
      case "answer":
        try {
          for await (const chunk of req) begun.bodyBytes += (chunk as Buffer).length;
        } catch {
          // It was broken off.
          return res.destroy();
        }
        return run(name, begun, res);
      case "absent-behind-body":
        await once(req.resume(), "end");
        return res.writeHead(503, { [INGRESS_FAULT_HEADER]: "absent" satisfies IngressFault }).end();
      case "reset":
        return socket.resetAndDestroy();
      case "reset-in-head":
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/pl");
        return socket.resetAndDestroy();
      case 200:
      case 308:
      case 404:
      case 413:
      case 502:
      case 503:
        return res
          .writeHead(manner, { "content-type": "text/plain", location: "https://elsewhere" })
          .end("a stranger");
      default:
        return res.writeHead(503, { [INGRESS_FAULT_HEADER]: manner }).end();
    }
  });

  // The edge gives an idle connection up after 5 s: one that its other end gave up first could swallow a POST.
  server.keepAliveTimeout = 60_000;
  server.on("upgrade", (req, socket) => {
    if (req.headers[INGRESS_KEY_HEADER] !== key) return socket.destroy();
    hear(req, req.url ?? "");
    const accept = createHash("sha1")
      .update(`${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n${INGRESS_HEADER}: 1\r\n\r\n`,
    );
    // Short messages only: says each again, behind the region's name.
    socket.on("data", (frame: Buffer) => {
      const length = (frame[1] ?? 0) & 127;
      const mask = frame.subarray(2, 6);
      const text = Buffer.from(frame.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
      const said = Buffer.from(`${name}: ${text}`);
      if (((frame[0] ?? 0) & 15) === 1) socket.write(Buffer.concat([Buffer.from([129, said.length]), said]));
      else socket.end(Buffer.from([136, 0]));
    });
    socket.on("error", () => undefined);
  });

  process.on("message", (message: { manner?: Manner }) => {
    if (message.manner) manner = message.manner;
    process.send?.(heard);
    heard = [];
  });
  process.on("disconnect", () => process.exit());
  server.listen(port, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

/** The function: it says where it is and what it was told. */
async function run(region: string, heard: Heard, res: ServerResponse): Promise<void> {
  const { searchParams, pathname } = new URL(heard.path, "http://workload");
  res.setHeader(INGRESS_HEADER, "1");
  res.setHeader("x-cloudify-secret-of-the-platform", "not for visitors");
  res.setHeader("set-cookie", ["a=1", "b=2"]);
  if (searchParams.has("cold")) res.setHeader(COLD_HEADER, "cold 123");
  if (searchParams.has("ms")) await wait(Number(searchParams.get("ms")));
  if (pathname === "/api/stream") {
    res.write(`${region} begins\n`);
    await wait(Number(searchParams.get("pause") ?? 0));
    res.end("and ends\n");
    return;
  }
  res.setHeader("content-type", "application/json");
  if (searchParams.has("gzip")) {
    res.setHeader("content-encoding", "gzip");
    res.end(gzipSync(JSON.stringify(heard)));
    return;
  }
  res.statusCode = Number(searchParams.get("status") ?? 200);
  res.end(JSON.stringify({ region, function: heard.headers[FUNCTION_HEADER], ...heard }));
}

if (process.argv[1] === HERE) {
  const [name = "", key = "", port] = process.argv.slice(2);
  serve(name, key, Number(port));
}
