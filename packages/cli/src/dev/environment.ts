/** `.env` and `.env.local` of a project → the variables of the private platform's project. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { Client } from "@cloudify/sdk";

/** The later one goes before the earlier. */
export const ENV_FILES = [".env", ".env.local"] as const;

/** As the platform has it; shells and Node's parser take others, too. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

export interface FileEnvironment {
  env: Record<string, string>;
  /** What is left out, with its file; empty: nothing is. */
  note: string;
}

export async function readEnvironment(root: string): Promise<FileEnvironment> {
  const env: Record<string, string> = {};
  const notes: string[] = [];
  for (const file of ENV_FILES) {
    const text = await readFile(join(root, file), "utf8").catch(() => "");
    // Editors on Windows begin a file with a mark, which would be part of the first name.
    const all = Object.entries(parseEnv(text.replace(/^\uFEFF/, "")));
    for (const [name, value = ""] of all) if (NAME.test(name)) env[name] = value;
    const others = all.flatMap(([name]) => (NAME.test(name) ? [] : [JSON.stringify(name)]));
    if (others.length > 0) notes.push(`${others.join(", ")} in ${file}`);
  }
  const why = "the names of variables are of letters, digits and _, and begin with no digit";
  return { env, note: notes.length === 0 ? "" : `Left out: ${notes.join("; ")} (${why})` };
}

/** The platform sets these itself, and refuses to be told them. */
const isOfPlatform = (key: string): boolean =>
  /^(?:CLOUDIFY|VERCEL)(?:_|$)|^(?:PORT|CRON_SECRET)$/i.test(key);

/** Keeps a project's variables as the files say; frozen into the next deployment. */
export class Environment {
  readonly #client: Client;
  readonly #project: string;
  readonly #held = new Map<string, { id: string; value: string }>();
  #isUnreleased = false;

  constructor(client: Client, project: string) {
    this.#client = client;
    this.#project = project;
  }

  /** @returns Whether anything is different from what is served, until `released` is called. @throws ApiError */
  async set(wanted: Record<string, string>): Promise<boolean> {
    const entries = Object.entries(wanted).filter(([key]) => !isOfPlatform(key));
    const keys = new Set(entries.map(([key]) => key));
    const gone = [...this.#held.keys()].filter((key) => !keys.has(key));
    const different = entries.filter(([key, value]) => this.#held.get(key)?.value !== value);
    for (const key of gone) await this.#remove(key);
    for (const [key, value] of different) await this.#put(key, value);
    return this.#isUnreleased;
  }

  /** A deployment with what was set last is served. */
  released(): void {
    this.#isUnreleased = false;
  }

  async #put(key: string, value: string): Promise<void> {
    const held = this.#held.get(key);
    const project = this.#project;
    const made = held
      ? await this.#client.request("PATCH /api/projects/{project}/env/{envVar}", {
          params: { project, envVar: held.id },
          body: { value },
        })
      : await this.#client.request("POST /api/projects/{project}/env", {
          params: { project },
          body: { key, value, targets: ["production"] },
        });
    this.#held.set(key, { id: made.id, value });
    this.#isUnreleased = true;
  }

  async #remove(key: string): Promise<void> {
    const envVar = this.#held.get(key)?.id ?? "";
    const params = { project: this.#project, envVar };
    await this.#client.request("DELETE /api/projects/{project}/env/{envVar}", { params });
    this.#held.delete(key);
    this.#isUnreleased = true;
  }
}
