/** A real platform for a test: what `npm start` starts, on a port and a home of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client } from "@cloudify/sdk";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLI = join(ROOT, "packages/cli/bin/cloudify.js");

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export class TestPlatform {
  readonly home: string;
  port = 0;
  /** Everything that it printed. */
  output = "";
  #child: ChildProcess | null = null;

  constructor(home = mkdtempSync(join(tmpdir(), "cloudify-test-"))) {
    this.home = home;
  }

  get api(): string {
    return `http://localhost:${this.port}`;
  }

  get token(): string {
    return (JSON.parse(readFileSync(join(this.home, "credentials.json"), "utf8")) as { token: string }).token;
  }

  get client(): Client {
    return new Client({ api: this.api, token: this.token });
  }

  /** Address of a path of a site. */
  readonly at = (site: string, path: string): string => `http://${site}.localhost:${this.port}${path}`;

  /** @returns Id of a project that is made. */
  readonly newProject = async (name: string): Promise<string> =>
    (await this.client.request("POST /api/projects", { body: { name } })).id;

  /** @throws When it ends before it is ready. */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.port ||= await freePort();
    const child = spawn(process.execPath, [join(ROOT, "scripts/start.ts")], {
      // Regions cost a process each, and what they install ahead minutes: a test that needs one says so.
      env: {
        ...process.env,
        CLOUDIFY_REGIONS: "",
        CLOUDIFY_AGENT_TOOLS: "",
        CLOUDIFY_HOME: this.home,
        PORT: String(this.port),
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    const lines = createInterface({ input: child.stdout });
    const ready = new Promise<void>((resolve, reject) => {
      lines.on("line", (line) => {
        this.output += `${line}\n`;
        if (line.startsWith("ready ")) resolve();
      });
      child.once("exit", (code) => {
        if (this.#child === child) this.#child = null;
        reject(new Error(`ended with ${code} before it was ready:\n${this.output}`));
      });
    });
    await ready;
  }

  async stop(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  /** As a power cut would: the start script and every process that it made. */
  async kill(): Promise<void> {
    const { pid } = this.#child ?? {};
    const ended = this.#child && once(this.#child, "exit");
    if (pid !== undefined) signalTree(pid, "SIGKILL");
    await ended;
    this.#child = null;
  }

  /** Kills the start script alone. @returns Processes that it had started. */
  async killScript(): Promise<number[]> {
    const child = this.#child;
    if (!child?.pid) return [];
    this.#child = null;
    const others = descendants(child.pid);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    return others;
  }

  async remove(): Promise<void> {
    if (this.#child) await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Runs the real CLI against this platform. */
  cli(...words: string[]): Promise<Ran> {
    return run(words, { CLOUDIFY_HOME: this.home, CLOUDIFY_CONFIG_DIR: join(this.home, "cli") });
  }

  /** The CLI's one JSON document. @throws When it fails. */
  async json<T>(...words: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.cli(...words, "--json", "--yes");
    if (code !== 0) throw new Error(`cloudify ${words.join(" ")} ended with ${code}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child) return null;
    this.#child = null;
    const ended = once(child, "exit");
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    return code;
  }
}

export function run(words: string[], env: Record<string, string>, cwd = ROOT): Promise<Ran> {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("CLOUDIFY_")),
  );
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [CLI, ...words],
      { cwd, env: { ...clean, ...env }, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      },
    );
  });
}

/** Below the range that the system takes ports from by itself, so that nobody gets it before its platform listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + randomInt(12_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** To a process and all that it has started. @returns Them, those gone meanwhile too. */
export function signalTree(pid: number, signal: NodeJS.Signals): number[] {
  const all = [pid, ...descendants(pid)];
  for (const one of all) {
    try {
      process.kill(one, signal);
    } catch {
      // It went with its parent.
    }
  }
  return all;
}

/** Children, and theirs: from /proc, so that nothing has to be asked. */
function descendants(pid: number): number[] {
  let children: number[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Waits for a condition, asking often. @throws After `limit` milliseconds. */
export async function until<T>(ask: () => Promise<T | null | undefined | false>, limit = 15_000): Promise<T> {
  for (const end = Date.now() + limit; ; ) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error("it did not come true in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
