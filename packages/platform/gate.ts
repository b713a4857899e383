/** Starts the gate: plain workerd from a configuration written into the home. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type Config, StartError } from "./config.ts";
import { codeOf } from "./home.ts";
import type { Parts } from "./parts.ts";
import { spawnWorkerd, v8Flags, type WorkerdProcess } from "./workerd.ts";

const START_MS = 15_000;
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** On loopback, and outside the range that the system takes ports from: a process that is replaced finds it free again. */
export async function freePort(): Promise<number> {
  for (;;) {
    try {
      return await checkPort("127.0.0.1", FIRST_PORT + randomInt(PORTS));
    } catch {
      // Taken; there are many.
    }
  }
}

/** Claims nothing; finds out early, in one line, what would go wrong late. @returns The port, chosen if it was 0. */
export async function checkPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address ? address.port : port;
  } catch (error) {
    const why =
      codeOf(error) === "EADDRINUSE" ? "is taken by another program" : `can't be used (${codeOf(error)})`;
    throw new StartError(`Port ${port} on ${host} ${why}; set PORT to another one.`);
  } finally {
    server.close();
  }
}

export async function startGate(
  config: Config,
  sockets: { api: string; edge: string },
  parts: Pick<Parts, "script" | "runtime">,
  onOutput: (chunk: Buffer) => void,
): Promise<WorkerdProcess> {
  const folder = join(config.home, "gate");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "gate.js"), await parts.script("gate"));
  writeFileSync(join(folder, "config.capnp"), configuration(config, sockets));
  const process = await spawnWorkerd(parts.runtime.workerd, folder, "config.capnp", onOutput);
  await Promise.race([
    reachable(config.host, config.port),
    process.ended.then(() => refuse("the gate did not start")),
  ]);
  return process;
}

const refuse = (why: string): never => {
  throw new StartError(`The platform can't start: ${why}; see the lines above.`);
};

async function reachable(host: string, port: number): Promise<void> {
  const address = host === "0.0.0.0" ? "127.0.0.1" : host;
  for (const until = Date.now() + START_MS; Date.now() < until; ) {
    const socket = connect(port, address);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  refuse("the gate does not listen");
}

function configuration({ host, port, testCf }: Config, sockets: { api: string; edge: string }): string {
  const hosts = ["localhost", "127.0.0.1", "[::1]", host].flatMap((name) => [
    `${name}:${port}`,
    ...(port === 80 ? [name] : []),
  ]);
  const upstream = (address: string) =>
    `external = (address = "${address}", http = (cfBlobHeader = "MF-CF-Blob"))`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  ${v8Flags}
  services = [
    (name = "gate", worker = .gate),
    (name = "api", ${upstream(sockets.api)}),
    (name = "edge", ${upstream(sockets.edge)}),
  ],
  sockets = [(name = "http", address = "${host.includes(":") ? `[${host}]` : host}:${port}", http = (), service = "gate")],
);
const gate :Workerd.Worker = (
  modules = [(name = "gate.js", esModule = embed "gate.js")],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "API", service = "api"),
    (name = "EDGE", service = "edge"),
    (name = "HOSTS", text = ${JSON.stringify(JSON.stringify(hosts))}),
    (name = "TEST_CF", text = "${testCf ? 1 : 0}"),
  ],
);
`;
}
