/**
 * Regions on this machine: an agent each, a process of its own that speaks the real protocol to the platform's one door.
 * An agent that ends unasked is started again, but not before its lease has lapsed: until then what it left behind may
 * still be at work, and everybody sees what the loss of a region is like.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IDENTITY } from "@cloudify/agent/state";
import { checkPort, freePort, readCredentials, tether } from "@cloudify/platform";
import { HEALTH_PATH, LEASE_TTL_MS } from "@cloudify/protocol";
import { ApiError, Client } from "@cloudify/sdk";
import type { Place } from "./places.ts";

const AGAIN_MS = LEASE_TTL_MS + 5_000;
/** More than an agent takes: 10 s for its tasks, 30 s for requests in flight, 5 s for processes. */
const STOP_MS = 50_000;
/** Until its ingress answers; a start that takes longer goes on without. */
const START_MS = 15_000;
/** The agent's exit code when nobody knows its credential: the region was removed, or given another token. */
const UNKNOWN = 3;

export interface RegionOptions {
  home: string;
  api: string;
  /** Path of the agent's program. */
  program: string;
  /** What the agent is handed on of this process's own. */
  env: Record<string, string | undefined>;
  onOutput(chunk: Buffer): void;
  onEvent(event: Record<string, unknown>): void;
  /** Takes each process, so that a later start can end what this one left. */
  onPid(pid: number): void;
}

export class LocalRegion {
  readonly #place: Place;
  readonly #options: RegionOptions;
  readonly #folder: string;
  #child: ChildProcess | null = null;
  #again: NodeJS.Timeout | null = null;
  #isStopping = false;
  /** Whether an agent was there since this platform started: one that is unknown after that stays away. */
  #hasRun = false;

  constructor(place: Place, options: RegionOptions) {
    this.#place = place;
    this.#options = options;
    this.#folder = join(options.home, "regions", place.name);
  }

  /**
   * With the platform off, an agent that has been there before starts from what it knows. One that can't begin is tried
   * again later: the rest of the platform does not wait for it.
   */
  async start(): Promise<void> {
    try {
      await this.#begin();
    } catch (error) {
      this.#options.onEvent({ level: "error", at: "region", region: this.#place.name, text: String(error) });
      if (!this.#isStopping) this.#again = setTimeout(() => void this.start(), AGAIN_MS);
    }
  }

  async #begin(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const token = existsSync(join(this.#folder, IDENTITY)) ? null : await this.#tokenOf();
    const port = await this.#port();
    if (this.#isStopping) return;
    const { home, api, program, env, onOutput, onPid } = this.#options;
    const child = spawn(process.execPath, [program], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...env,
        CLOUDIFY_API: api,
        CLOUDIFY_AGENT_HOME: this.#folder,
        CLOUDIFY_AGENT_DRIVER: "process",
        CLOUDIFY_AGENT_TOOLS: env.CLOUDIFY_AGENT_TOOLS ?? join(home, "tools"),
        CLOUDIFY_INGRESS_HOST: "127.0.0.1",
        CLOUDIFY_INGRESS_PORT: String(port),
        ...(token === null ? {} : { CLOUDIFY_REGION_TOKEN: token }),
      },
    });
    this.#child = child;
    child.stdout.on("data", onOutput);
    child.stderr.on("data", onOutput);
    const { pid } = child;
    const letGo = pid === undefined ? () => undefined : tether([pid]);
    if (pid !== undefined) onPid(pid);
    child.once("exit", (code, signal) => {
      letGo();
      this.#child = null;
      if (!this.#isStopping) this.#ended(code, signal);
    });
    await reachable(`http://127.0.0.1:${port}${HEALTH_PATH}`, child);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#again) clearTimeout(this.#again);
    const child = this.#child;
    if (!child) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(late);
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    const { name } = this.#place;
    const isRemoved = code === UNKNOWN && this.#hasRun;
    // What an earlier platform left in this home knows a region that is no more: it is added anew.
    if (code === UNKNOWN) rmSync(join(this.#folder, IDENTITY), { force: true });
    const againMs = isRemoved ? null : code === UNKNOWN ? 0 : AGAIN_MS;
    const text = isRemoved ? "the region was removed, or given another token" : "the agent ended";
    this.#options.onEvent({ level: "error", at: "region", region: name, text, code, signal, againMs });
    if (againMs !== null) this.#again = setTimeout(() => void this.start(), againMs);
    this.#hasRun = true;
  }

  /** The router remembers where the ingress is, also when nothing can tell it anew: so it stays where it was. */
  async #port(): Promise<number> {
    const path = join(this.#folder, "port");
    const held = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
    const isFree = held > 0 && (await checkPort("127.0.0.1", held).catch(() => 0)) === held;
    const port = isFree ? held : await freePort();
    writeFileSync(path, String(port));
    return port;
  }

  async #tokenOf(): Promise<string> {
    const { home, api } = this.#options;
    const client = new Client({ api, token: readCredentials(home)?.token ?? "" });
    const { name } = this.#place;
    try {
      const body = { ...this.#place, isShared: true };
      return (await client.request("POST /api/regions", { body })).token;
    } catch (error) {
      // A first start was cut off between making it and starting its agent.
      if (!(error instanceof ApiError) || error.problem.code !== "name_taken") throw error;
      return (await client.request("POST /api/regions/{region}/token", { params: { region: name } })).token;
    }
  }
}

async function reachable(address: string, child: ChildProcess): Promise<void> {
  for (const until = Date.now() + START_MS; Date.now() < until && child.exitCode === null; ) {
    const answer = await fetch(address).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
