/**
 * The address that is developed against. It holds requests while a change is under way, answers with what is wrong until
 * that is mended, and passes everything else to the private platform as it came. Knows no build and no function.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Fault } from "./fault.ts";
import { forward, forwardUpgrade, type Intercept, type Upstream } from "./forward.ts";
import { answerFault, CHANGES_PATH } from "./page.ts";
import { answerOn } from "./upgrade.ts";

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
  /**
   * @param request Its id on the platform. @param since Unix milliseconds: when it came.
   * @returns What the function that failed in it has said, or `null`.
   */
  explain(request: string, since: number): Promise<Fault | null>;
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
    await forward(req, res, this.#platform(), this.#explained(req, since));
  }

  async upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { method = "GET", url = "/" } = req;
    const startedAt = performance.now();
    const since = Date.now();
    socket.on("error", () => undefined);
    await this.#pending;
    const status = await this.#upgraded(req, socket, head, since);
    this.#options.onServed({ method, path: url, status, ms: Math.round(performance.now() - startedAt) });
  }

  /** @returns The status that the client was given. */
  async #upgraded(req: IncomingMessage, socket: Duplex, head: Buffer, since: number): Promise<number> {
    if (this.#fault) {
      answerFault(req, answerOn(req, socket), this.#fault);
      return 500;
    }
    const places = [this.#platform(), this.#options.server()].filter((one) => one !== null);
    return forwardUpgrade(req, socket, head, places, this.#explained(req, since));
  }

  #platform(): Upstream {
    return { host: "127.0.0.1", port: this.#options.platform() };
  }

  /** A function that failed is answered with the place in its source. */
  #explained(req: IncomingMessage, since: number): Intercept {
    return async (res, { statusCode, headers }) => {
      // Only the platform can set it.
      if (statusCode !== 500 || headers["x-cloudify-error"] !== "function_failed") return false;
      const fault = await this.#options.explain(String(headers["x-cloudify-id"]), since);
      if (fault) answerFault(req, res, fault);
      return fault !== null;
    };
  }

  #listen(res: ServerResponse): void {
    res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    res.write(": listening\n\n");
    this.#listeners.add(res);
    res.once("close", () => this.#listeners.delete(res));
  }
}
