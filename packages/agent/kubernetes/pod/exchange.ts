/** A pod's words with the agent: what it fetches, what it leaves, what it prints. */
import { readFileSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { POD, type PodLine } from "../pod-contract.ts";
import { unpack } from "../tar.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** Its spec and its environment are the agent's, so these are its faults: not to be tried again. */
export function need(env: Env, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** One line, as the driver reads it from the pod's log. */
export const print = (line: PodLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** The agent may be away for a while: a pod that starts meanwhile waits for it so long. */
const PATIENCE_MS = 120_000;
const LONGEST_WAIT_MS = 5_000;
const LIMITS = { files: 200_000, bytes: 20 * 1024 ** 3 };

export class Exchange {
  readonly #origin: string;
  readonly #token: string;

  /** @param secret Folder of the pod's Secret. */
  constructor(origin: string, secret: string) {
    this.#origin = origin;
    this.#token = readFileSync(join(secret, POD.token), "utf8");
  }

  /** Fills a folder with a tar of the agent's; what was there before goes. @throws After {@link PATIENCE_MS}. */
  async fetch(path: string, folder: string): Promise<void> {
    await this.#patiently(async () => {
      const answer = await this.#ask("GET", path);
      if (!answer.body) throw new Error(`${path} was answered with nothing`);
      await emptied(folder);
      await unpack(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), folder, LIMITS);
    });
  }

  /** @param body Makes it anew for each try. */
  async leave(method: "PUT" | "POST", path: string, body: () => Readable | string): Promise<void> {
    await this.#patiently(async () => {
      const given = body();
      await this.#ask(method, path, typeof given === "string" ? given : (Readable.toWeb(given) as BodyInit));
    });
  }

  async #ask(method: string, path: string, body?: BodyInit): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const sent = body === undefined ? {} : { body, duplex: "half" as const };
    const answer = await fetch(this.#origin + path, { method, headers, ...sent });
    if (!answer.ok) throw new Error(`the agent answered ${method} ${path} with ${answer.status}`);
    return answer;
  }

  async #patiently(act: () => Promise<void>): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    for (let wait = 200; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      try {
        return await act();
      } catch (error) {
        if (Date.now() + wait > end) throw error;
      }
      await pause(Math.random() * wait);
    }
  }
}

/** The folder itself may be a mount. */
async function emptied(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}
