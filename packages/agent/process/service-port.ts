/** Ports of loopback: finding one that is free, and seeing that somebody listens there. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as after } from "node:timers/promises";

/** Nothing keeps others from taking it; a program that finds it taken ends, and is started again with another. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("A server without a port");
  return address.port;
}

/** What a program may have meant by «localhost». */
const HOSTS = ["127.0.0.1", "::1"] as const;

/** @returns The address that takes connections; `null` once the signal is aborted. */
export async function listening(port: number, signal: AbortSignal): Promise<string | null> {
  for (let wait = 10; !signal.aborted; wait = Math.min(100, wait * 1.5)) {
    for (const host of HOSTS) if (await accepts(host, port)) return host;
    await after(wait, undefined, { signal }).catch(() => undefined);
  }
  return null;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (does: boolean) => {
      socket.destroy();
      resolve(does);
    };
    socket.setTimeout(1_000, () => answer(false));
    // Where nobody listens, the kernel may give a connection this very port, and join it to itself.
    socket.once("connect", () => answer(socket.localPort !== port));
    socket.once("error", () => answer(false));
  });
}
