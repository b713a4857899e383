/** Child processes: commands that have to succeed, and servers that have to answer. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { until } from "#tests/support/platform.ts";

/** @throws With what it printed, when it fails. */
export async function run(
  command: string,
  words: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<void> {
  console.log(`$ ${command} ${words.join(" ")}`);
  const child = spawn(command, words, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = gather(child);
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${command} ${words.join(" ")} ended with ${code}:\n${printed()}`);
}

export interface Server {
  stop(): Promise<void>;
}

/** @returns Once something listens at the port. */
export async function serve(
  command: string,
  words: readonly string[],
  cwd: string,
  port: number,
  env: Record<string, string> = {},
): Promise<Server> {
  const child = spawn(command, words, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: `npx` starts another process, which has to end too.
    detached: true,
  });
  const printed = gather(child);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    process.kill(-child.pid, "SIGTERM");
    await ended;
  };
  await until(() => listens(port), 60_000).catch(async () => {
    await stop();
    throw new Error(`${command} ${words.join(" ")} does not listen:\n${printed()}`);
  });
  return { stop };
}

function gather(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-20_000);
    });
  return () => text;
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
