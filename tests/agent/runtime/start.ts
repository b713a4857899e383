/** The function runtime as the process driver starts it: a child process, asked over HTTP. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type Agent, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { FUNCTION_HEADER, type NodeFunction } from "@cloudify/protocol";
import { expect } from "vitest";
import { ROOT } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";
import type { FunctionLine, RuntimeConfig } from "../../../packages/agent/process/contract.ts";

const MAIN = join(ROOT, "packages/agent/runtime/main.ts");

export interface Asked {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  agent?: Agent;
}

export interface Answered {
  status: number;
  headers: IncomingMessage["headers"];
  message: string;
  bytes: Buffer;
  text: string;
}

export interface Runtime {
  child: ChildProcess;
  root: string;
  port: number;
  lines: FunctionLine[];
  /** What it printed on standard error. */
  errors(): string;
  open(name: string, asked?: Asked): Promise<IncomingMessage>;
  ask(name: string, asked?: Asked): Promise<Answered>;
  /** Waits for a line with this text. */
  line(text: string): Promise<FunctionLine>;
  /** @returns The exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** @param handler Path of the module; the function's name is what stands before its last point, unless it is given. */
export const nodeFunction = (handler: string, more: Partial<NodeFunction> = {}): NodeFunction => ({
  handler,
  cwd: ".",
  launcher: "Nodejs",
  hasHelpers: false,
  maxDuration: 10,
  environment: {},
  ...more,
});

const running = new Set<ChildProcess>();

/** For `afterEach`. */
export async function endAll(): Promise<void> {
  for (const child of running) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
  running.clear();
}

/** Each file is a function of its name without the extension, unless `functions` says which there are. */
export async function start(
  files: Record<string, string>,
  functions = Object.fromEntries(
    Object.keys(files).map((path) => [path.replace(/\.[^.]+$/, ""), nodeFunction(path)]),
  ),
  env: Record<string, string> = {},
): Promise<Runtime> {
  const { child, root, errors } = launch(files, functions, env);
  const lines: FunctionLine[] = [];
  createInterface({ input: child.stdio[4] as Readable }).on("line", (line) => {
    lines.push(JSON.parse(line) as FunctionLine);
  });
  const ready = once(createInterface({ input: child.stdio[3] as Readable }), "line") as Promise<[string]>;
  const early = once(child, "exit").then(([code]) => {
    throw new Error(`ended with ${code} before it was ready:\n${errors()}`);
  });
  early.catch(() => {});
  const { port } = JSON.parse((await Promise.race([ready, early]))[0]) as { port: number };
  const open = (name: string, asked: Asked = {}): Promise<IncomingMessage> => send(port, name, asked);
  return {
    child,
    root,
    port,
    lines,
    errors,
    open,
    async ask(name, asked) {
      const found = await open(name, asked);
      const chunks: Buffer[] = [];
      for await (const chunk of found) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      const { statusCode: status = 0, headers, statusMessage: message = "" } = found;
      return { status, headers, message, bytes, text: bytes.toString() };
    },
    async line(text) {
      const find = (): FunctionLine | undefined => lines.find((line) => line.text.includes(text));
      await expect.poll(find, { message: `a line with "${text}"` }).toBeDefined();
      return find() as FunctionLine;
    },
    async end(signal) {
      const ended = once(child, "exit");
      child.kill(signal);
      return ((await ended) as [number | null])[0];
    },
  };
}

/** Starts it without waiting for anything. */
export function launch(
  files: Record<string, string>,
  functions: Record<string, NodeFunction>,
  env: Record<string, string> = {},
): { child: ChildProcess; root: string; errors(): string } {
  const root = folder(files);
  const config: RuntimeConfig = {
    spec: {
      v: 1,
      group: "main",
      node: 24,
      memory: 256,
      run: { kind: "functions", functions },
      files: {},
    },
    root,
    region: "fra",
    deployment: "dpl_1",
    host: "127.0.0.1",
    hasPipes: true,
  };
  const path = join(root, "..", "config.json");
  writeFileSync(path, JSON.stringify(config));
  const child = spawn(process.execPath, [MAIN, path], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
  });
  running.add(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  return { child, root, errors: () => printed };
}

function send(port: number, name: string, asked: Asked): Promise<IncomingMessage> {
  const { method = "GET", path = "/", headers = {}, body, agent } = asked;
  return new Promise((resolve, reject) => {
    request({
      host: "127.0.0.1",
      port,
      method,
      path,
      agent: agent ?? false,
      headers: { [FUNCTION_HEADER]: name, ...headers },
    })
      .on("response", resolve)
      .on("error", reject)
      .end(body);
  });
}
