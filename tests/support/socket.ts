/** WebSockets to deployed hosts, by Node's own client; what it lacks is that `*.localhost` is this machine (RFC 6761). */
import dns from "node:dns";

const ask = dns.lookup as (host: string, ...more: unknown[]) => void;
const here = (host: string, ...more: unknown[]) =>
  ask(host.endsWith(".localhost") ? "127.0.0.1" : host, ...more);
dns.lookup = here as typeof dns.lookup;

export interface Socket {
  /** The subprotocol that the other side has chosen, or nothing. */
  protocol: string;
  send(message: string | Buffer): void;
  /** @throws When it was closed instead. */
  next(): Promise<string | Buffer>;
  /** @returns What the other side closes with. */
  close(code: number, reason: string): Promise<{ code: number; reason: string }>;
}

/**
 * @param address `http:`. @param protocols Subprotocols to choose from.
 * @throws When the answer is no WebSocket, or names none of them.
 */
export async function socketTo(address: string, protocols: string[] = []): Promise<Socket> {
  const socket = new WebSocket(address.replace(/^http/, "ws"), protocols);
  socket.binaryType = "arraybuffer";
  const heard: (string | Buffer)[] = [];
  const waiting: { resolve(message: string | Buffer): void; reject(error: Error): void }[] = [];
  socket.addEventListener("message", ({ data }) => {
    const message = typeof data === "string" ? data : Buffer.from(data as ArrayBuffer);
    const first = waiting.shift();
    if (first) first.resolve(message);
    else heard.push(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => {
      resolve({ code, reason });
      for (const one of waiting.splice(0)) one.reject(new Error(`closed with ${code} ${reason}`));
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`there is no WebSocket at ${address}`)));
  });
  return {
    protocol: socket.protocol,
    send: (message) => socket.send(typeof message === "string" ? message : new Uint8Array(message)),
    next: () => {
      const message = heard.shift();
      if (message !== undefined) return Promise.resolve(message);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    close: (code, reason) => {
      socket.close(code, reason);
      return closed;
    },
  };
}
