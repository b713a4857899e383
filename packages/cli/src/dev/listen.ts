/** Listening on both of localhost's addresses. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { CliProblem } from "../problem.ts";
import type { Front } from "./front.ts";
import { Asked, isWebSocket } from "./upgrade.ts";

const FIRST_PORT = 3_000;
const TRIES = 100;
/** The platform behind it says what is too large, as it does elsewhere. */
const MAX_HEADER_BYTES = 128 * 1024;

export interface Listening {
  port: number;
  /** Whether it is another port than the usual one. */
  isOther: boolean;
  close(): Promise<void>;
}

/** @param port `null`: the usual one, or the next that is free. @throws CliProblem when the port is taken. */
export async function listen(front: Front, port: number | null): Promise<Listening> {
  for (let tries = 0; ; tries++) {
    const wanted = port ?? FIRST_PORT + tries;
    try {
      const servers = await both(front, wanted);
      return { port: portOf(servers), isOther: tries > 0, close: () => closeAll(servers) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (port === null && code === "EADDRINUSE" && tries < TRIES) continue;
      const why = code === "EADDRINUSE" ? "is taken by another program" : `can't be used (${code})`;
      throw new CliProblem("port_taken", `Port ${wanted} ${why}.`, "Give another one with --port.");
    }
  }
}

async function both(front: Front, port: number): Promise<Server[]> {
  const first = await open(front, "127.0.0.1", port);
  try {
    return [first, await open(front, "::1", portOf([first]))];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A machine without IPv6.
    if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") return [first];
    await closeAll([first]);
    throw error;
  }
}

async function open(front: Front, host: string, port: number): Promise<Server> {
  const options = { IncomingMessage: Asked, shouldUpgradeCallback: isWebSocket };
  const server = createServer(
    { ...options, maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0 },
    (req, res) => void front.answer(req, res),
  );
  server.on("upgrade", (req, socket, head) => {
    // A socket on which an earlier request is still being answered can't be answered on.
    front.upgrade(req, socket, head).catch(() => socket.destroy());
  });
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

function portOf([server]: readonly Server[]): number {
  const address = server?.address();
  return typeof address === "object" && address ? address.port : 0;
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    }),
  );
}
