/** Ports of loopback for programs that are told where to listen. */
import { once } from "node:events";
import { createServer } from "node:net";

/** A port is one child's until it has ended, also while nobody listens there yet. */
export class Ports {
  #given = new Set<number>();
  #find: () => Promise<number>;

  constructor(find = freePort) {
    this.#find = find;
  }

  /** Nothing keeps other programs from taking it; who finds it taken ends, and is started again with another. */
  async claim(): Promise<number> {
    for (;;) {
      const port = await this.#find();
      if (this.#given.has(port)) continue;
      this.#given.add(port);
      return port;
    }
  }

  release(port: number): void {
    this.#given.delete(port);
  }
}

/** One at which nobody listens now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("A server without a port");
  return address.port;
}
