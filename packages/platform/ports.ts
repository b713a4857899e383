/** Ports on this machine. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { StartError } from "./config.ts";
import { codeOf } from "./home.ts";

const FIRST_PORT = 20_000;
const PORTS = 12_000;

/**
 * Outside the range that the system takes ports from: whoever listens later finds it free, and so does a process that is
 * replaced.
 */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (;;) {
    try {
      return await checkPort(host, FIRST_PORT + randomInt(PORTS));
    } catch {
      // Taken; there are many.
    }
  }
}

/** Claims nothing; finds out early, in one line, what would go wrong late. @param port 0: only the host is looked at. */
export async function checkPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    return port;
  } catch (error) {
    throw portProblem(host, port, codeOf(error));
  } finally {
    server.close();
  }
}

/** @param code As the system names what is wrong with it. */
export function portProblem(host: string, port: number, code: string): StartError {
  const why = code === "EADDRINUSE" ? "is taken by another program" : `can't be used (${code})`;
  return new StartError(`Port ${port} on ${host} ${why}; set PORT to another one.`);
}
