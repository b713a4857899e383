/** A framework's own development server: started on a free port, ended with all that it has started. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { freePort, tether } from "@cloudify/platform";
import { CliProblem } from "../problem.ts";
import type { Upstream } from "./forward.ts";

const START_MS = 60_000;
const ASK_EVERY_MS = 50;
const GRACE_MS = 3_000;
const SAID = /https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d+)/;

export interface DevServer {
  place: Upstream;
  address: string;
  /** Resolves to its exit code, or `null`. */
  ended: Promise<number | null>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  root: string;
  command: string;
  env: Record<string, string>;
  onLine(text: string): void;
  /** Ends the start; from then on `stop` does. */
  signal: AbortSignal;
}

/** @throws CliProblem when it does not listen; the signal's reason when that ended the start, and the server with it. */
export async function startServer(options: ServerOptions): Promise<DevServer> {
  const { root, command, env, onLine, signal } = options;
  const wanted = await freePort();
  signal.throwIfAborted();
  const PATH = [join(root, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);
  const child = spawn(command, {
    cwd: root,
    shell: true,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env, PATH, PORT: String(wanted), BROWSER: "none", NODE_ENV: "development" },
  });
  const letGo = child.pid === undefined ? () => undefined : tether([-child.pid]);
  const ports = new Set([wanted]);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (text) => {
      // One that chooses its port itself says so.
      const said = SAID.exec(stripVTControlCharacters(text))?.[1];
      if (said) ports.add(Number(said));
      onLine(text);
    });
  }
  let hasEnded = false;
  const ended = once(child, "close").then(([code]) => {
    hasEnded = true;
    letGo();
    return code as number | null;
  });
  const kill = (how: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // All of it has gone.
    }
  };
  const stop = async () => {
    kill("SIGTERM");
    const late = setTimeout(() => kill("SIGKILL"), GRACE_MS);
    await ended;
    clearTimeout(late);
    kill("SIGKILL");
  };
  for (const until = Date.now() + START_MS; !hasEnded && !signal.aborted && Date.now() < until; ) {
    const place = await listening([...ports]);
    if (place) return { place, address: addressOf(place), ended, stop };
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  const how = hasEnded ? `ended with ${await ended}` : `does not listen on port ${[...ports].join(" or ")}`;
  await stop();
  signal.throwIfAborted();
  throw new CliProblem(
    "server_not_started",
    `The project's own server ${how}: ${command}`,
    "See its lines above; or serve the project as it is built, with --build.",
  );
}

const addressOf = ({ host, port }: Upstream): string =>
  `http://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** Some listen on one of the two families only. */
async function listening(ports: readonly number[]): Promise<Upstream | null> {
  for (const port of ports) {
    for (const host of ["127.0.0.1", "::1"]) {
      const socket = connect(port, host);
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      });
      socket.destroy();
      if (isOpen) return { host, port };
    }
  }
  return null;
}
