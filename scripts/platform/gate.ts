/** Starts the gate: plain workerd from a configuration written into the home. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import workerd from "workerd";
import { bundle } from "./bundle.ts";
import { type Config, StartError } from "./config.ts";
import { codeOf } from "./home.ts";

const START_MS = 15_000;

export interface Gate {
  pid: number;
  /** Resolves when it has ended, which it should not by itself. */
  ended: Promise<void>;
  stop(): Promise<void>;
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
  root: string,
): Promise<Gate> {
  const folder = join(config.home, "gate");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "gate.js"), await bundle(join(root, "scripts/platform/gate.worker.ts")));
  writeFileSync(join(folder, "config.capnp"), configuration(config, sockets));
  // The shell holds workerd's life to ours: when this process dies, however it dies, `cat` ends, and so does workerd.
  const script = '"$0" "$@" </dev/null & pid=$!; echo $pid; cat >/dev/null; kill $pid; wait $pid';
  const child = spawn("sh", ["-c", script, workerd.default, "serve", "config.capnp"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  const ended = once(child, "exit").then(() => undefined);
  const pid = Number.parseInt(first.toString(), 10);
  await Promise.race([
    reachable(config.host, config.port),
    ended.then(() => refuse("the gate did not start")),
  ]);
  return {
    pid,
    ended,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
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
