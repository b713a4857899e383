/** `cloudify dev` as a user starts it, on a folder and a port of a test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import { type Ask, get } from "#tests/support/http.ts";
import { freePort, ROOT } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const CLI = join(ROOT, "packages/cli/bin/cloudify.js");

/** Patient, since several platforms may run on one machine. */
export const soon = <T>(ask: () => T) => expect.poll(ask, { timeout: 20_000, interval: 25 });

/** Milliseconds from a change to the first answer that shows it; again where other tests held the processors. */
export const RELOAD_LIMIT_MS = 1_000;
export async function reloadTime(
  change: (round: number) => void,
  isNew: (round: number) => Promise<boolean>,
) {
  const times: number[] = [];
  for (let round = 1; round <= 10 && Math.min(...times, RELOAD_LIMIT_MS) === RELOAD_LIMIT_MS; round++) {
    const startedAt = performance.now();
    change(round);
    await expect.poll(() => isNew(round), { interval: 20, timeout: 15_000 }).toBe(true);
    times.push(Math.round(performance.now() - startedAt));
  }
  return times;
}

/** Milliseconds. A framework's server and a platform take up to three seconds each. */
const STOP_MS = 40_000;

/** Sessions that end with their test. */
export function startSessions() {
  const sessions: DevSession[] = [];
  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.stop("SIGKILL");
  });
  const add = (path: string): DevSession => {
    const session = new DevSession(path);
    sessions.push(session);
    return session;
  };
  const open = async (files: Record<string, string>, ...words: string[]): Promise<DevSession> => {
    const session = add(folder(files));
    await session.start(...words);
    return session;
  };
  return { add, open };
}

export class DevSession {
  readonly folder: string;
  port = 0;
  /** Everything that it printed. */
  output = "";
  #child: ChildProcess | null = null;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Resolves when it says where it is. @throws When it ends before. */
  async start(...words: string[]): Promise<void> {
    this.port = await freePort();
    const port = words.includes("--port") ? [] : ["--port", String(this.port)];
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("CLOUDIFY_"));
    const child = spawn(process.execPath, [CLI, "dev", this.folder, ...port, ...words], {
      env: { ...Object.fromEntries(clean), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          this.output += chunk.toString();
          if (/ is at http:\/\/localhost:\d+/.test(this.output)) resolve();
        });
      }
      child.once("exit", (code) => reject(new Error(`ended with ${code}:\n${this.output}`)));
    });
  }

  ask(path: string, ask?: Ask): Promise<Response> {
    return get(`http://localhost:${this.port}${path}`, ask);
  }

  async text(path: string, ask?: Ask): Promise<string> {
    return (await this.ask(path, ask)).text();
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.folder, path), text);
  }

  /** @returns Its exit code. @throws When it does not end: a test that only waits says nothing. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, "exit");
    child.kill(signal);
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, STOP_MS);
    const [code] = (await ended) as [number | null];
    clearTimeout(late);
    if (isLate) throw new Error(`${signal} did not end it within ${STOP_MS} ms:\n${this.output}`);
    return code;
  }
}
