/**
 * The address that is developed against. It holds requests while a change is under way, answers with what is wrong until
 * that is mended, and passes everything else to the private platform as it came. Knows no build and no function.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Fault } from "./fault.ts";
import { forward, forwardUpgrade, type Upstream } from "./forward.ts";
import { answerFault, CHANGES_PATH } from "./page.ts";

export interface Served {
  method: string;
  path: string;
  status: number;
  ms: number;
}

export interface FrontOptions {
  /** Port of the platform's door; asked when nothing waits any more. */
  platform(): number;
  /** The framework's own server, for sockets that no function takes. */
  server(): Upstream | null;
  onServed(served: Served): void;
  /** @param since Unix milliseconds. @returns What a function that just failed has said, or `null`. */
  explain(since: number): Promise<Fault | null>;
}

export class Front {
  readonly #options: FrontOptions;
  #fault: Fault | null = null;
  #pending: Promise<void> | null = null;
  #settle: () => void = () => undefined;
  readonly #listeners = new Set<ServerResponse>();

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  /** From here on requests wait. */
  hold(): void {
    if (this.#pending) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pending = promise;
    this.#settle = resolve;
  }

  /** Those that wait go on. @param fault What they are answered with, or `null`. */
  release(fault: Fault | null): void {
    this.#fault = fault;
    this.#pending = null;
    this.#settle();
    for (const one of this.#listeners) one.write("event: change\ndata:\n\n");
  }

  close(): void {
    for (const one of this.#listeners) one.end();
    this.release(this.#fault);
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = req;
    if (url === CHANGES_PATH) return this.#listen(res);
    const startedAt = performance.now();
    const since = Date.now();
    res.once("close", () => {
      const ms = Math.round(performance.now() - startedAt);
      this.#options.onServed({ method, path: url, status: res.statusCode, ms });
    });
    await this.#pending;
    if (this.#fault) return answerFault(req, res, this.#fault);
    const { platform, explain } = this.#options;
    await forward(req, res, { host: "127.0.0.1", port: platform() }, async (status, headers) => {
      // Only the platform can set it.
      if (status !== 500 || headers["x-cloudify-error"] !== "function_failed") return false;
      const fault = await explain(since);
      if (fault) answerFault(req, res, fault);
      return fault !== null;
    });
  }

  async upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { method = "GET", url = "/" } = req;
    const startedAt = performance.now();
    socket.on("error", () => undefined);
    await this.#pending;
    const { platform, server, onServed } = this.#options;
    const places = [{ host: "127.0.0.1", port: platform() }, server()].filter((one) => one !== null);
    const status = await forwardUpgrade(req, socket, head, this.#fault ? [] : places);
    onServed({ method, path: url, status, ms: Math.round(performance.now() - startedAt) });
  }

  #listen(res: ServerResponse): void {
    res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    res.write(": listening\n\n");
    this.#listeners.add(res);
    res.once("close", () => this.#listeners.delete(res));
  }
}
