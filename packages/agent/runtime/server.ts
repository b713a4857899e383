/** The process's one server: takes requests from the ingress, and gives each to the function that it names. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { HEALTH_PATH } from "@cloudify/protocol";
import { Answer, answerInstead, FAULTS } from "./faults.ts";
import type { Functions } from "./functions.ts";
import { takeInternal } from "./heads.ts";

/** The ingress ends idle connections: it must never send a request on one that we are about to close. */
const IDLE_MS = 120_000;
const BACKLOG = 2_048;

export class FunctionServer {
  readonly #functions: Functions;
  readonly #server: Server;
  readonly #answering = new Set<Promise<void>>();
  #isDraining = false;

  constructor(functions: Functions) {
    this.#functions = functions;
    this.#server = createServer({
      ServerResponse: Answer,
      keepAliveTimeout: IDLE_MS,
      // Uploads take as long as they take; who asks is limited by the edge.
      requestTimeout: 0,
      maxHeaderSize: 64 * 1024,
    });
    this.#server.on("request", (req, res) => this.#take(req, res as Answer));
    this.#server.on("checkContinue", (req, res) => {
      res.writeContinue();
      this.#take(req, res as Answer);
    });
    this.#server.on("upgrade", (req, socket, head) => void this.#upgrade(req, socket, head));
  }

  /** @returns The port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more requests. @returns When all that are under way have been answered. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#server.close();
    this.#server.closeIdleConnections();
    while (this.#answering.size > 0) await Promise.all(this.#answering);
  }

  #take(req: IncomingMessage, res: Answer, internal = takeInternal(req)): void {
    if (internal.function === "" && req.url === HEALTH_PATH) {
      res.writeHead(this.#isDraining ? 503 : 200, { "content-type": "text/plain" }).end("ok\n");
      return;
    }
    if (this.#isDraining) {
      res.shouldKeepAlive = false;
      answerInstead(res, FAULTS.draining());
      return;
    }
    const name = this.#functions.find(internal.function);
    if (name === null) {
      answerInstead(res, FAULTS.absent(internal.function));
      return;
    }
    this.#watch(res);
    void this.#functions.call(name, internal, req, res);
  }

  #watch(res: Answer): void {
    const answered = new Promise<void>((resolve) => res.once("close", resolve)).then(() => {
      this.#answering.delete(answered);
    });
    this.#answering.add(answered);
  }

  /** A module's own server takes the connection over; without one it is a request like any other, as Node has it. */
  async #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    const internal = takeInternal(req);
    const name = this.#functions.find(internal.function);
    const loaded = name === null ? null : await this.#functions.load(name).catch(() => null);
    const server = loaded?.server;
    if (name !== null && server && server.listenerCount("upgrade") > 0 && !this.#isDraining) {
      const fail = (error: unknown): void => {
        console.error(error);
        socket.destroy();
      };
      this.#functions.within(name, req, fail, () => {
        try {
          server.emit("upgrade", req, socket, head);
        } catch (error) {
          fail(error);
        }
      });
      return;
    }
    const res = new Answer(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket as Parameters<Answer["assignSocket"]>[0]);
    res.once("finish", () => socket.end());
    this.#take(req, res, internal);
  }
}
