/** One run of a workload: a child process that is ready at a port, until it ends. Knows nothing of other generations. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import type { WorkloadMaterial } from "@cloudify/protocol";
import type { WorkloadLine } from "../driver.ts";
import { type Child, type Ending, startChild } from "./child.ts";
import {
  type FunctionLine,
  LINES_FD,
  type RuntimeConfig,
  type RuntimeMessage,
  STATE_FD,
} from "./contract.ts";
import { baseEnvironment } from "./environment.ts";
import type { Family } from "./kin.ts";
import { MESSAGE_BYTES, PLAIN_BYTES, readLines } from "./lines.ts";
import { Ports } from "./ports.ts";
import { Pulse } from "./pulse.ts";
import { redaction } from "./redact.ts";
import { listening } from "./service-port.ts";
import type { Place } from "./target.ts";

export interface InstanceOptions {
  material: WorkloadMaterial;
  /** Where its files are. */
  root: string;
  /** Its own, for what it writes; made by this, and removed when it has ended. */
  folder: string;
  region: string;
  /** Path of Node. */
  node: string;
  /** Path of the function runtime. */
  runtime: string;
  startLimitMs: number;
  /** Monotonic milliseconds. */
  startedAt: number;
  onLine(line: WorkloadLine): void;
}

export type Why = "crashed" | "memory" | "hung" | "unready" | "stopped";

export interface Ended extends Ending {
  why: Why;
  lastLines: string[];
}

export interface Address {
  host: string;
  port: number;
}

/** So many lines go into the detail of its status when it ends by itself. */
const LAST_LINES = 10;
const MIB = 1_024 * 1_024;
/** What Node itself and the runtime take beside the function's own. */
const OVERHEAD_BYTES = 64 * MIB;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;
/** For servers that ask where to listen; the ingress calls them on loopback, and nobody else should. */
const LISTENING = { HOST: "127.0.0.1", HOSTNAME: "127.0.0.1" };
const ports = new Ports();

export class Instance implements Place {
  readonly pid: number;
  readonly startedAt: number;
  readonly memoryLimitBytes: number;
  readonly agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  /** `null` when it ended, or was not ready in time. */
  readonly ready: Promise<Address | null>;
  readonly ended: Promise<Ended>;
  address: Address | null = null;
  inFlight = 0;
  isBroken = false;
  isDrained = false;
  #child: Child;
  /** Of programs that are servers by themselves nothing is known that they would answer. */
  readonly #pulse: Pulse | null;
  #why: Why = "crashed";
  #onIdle: (() => void) | null = null;

  private constructor(child: Child, options: InstanceOptions, readiness: Promise<Address | null>) {
    this.#child = child;
    this.#pulse = options.material.spec.run.kind === "functions" ? new Pulse() : null;
    this.pid = child.pid;
    this.startedAt = options.startedAt;
    this.memoryLimitBytes = options.material.spec.memory * MIB + OVERHEAD_BYTES;
    const lastLines = this.#read(options);
    this.ended = child.ended.then((ending) => {
      this.agent.destroy();
      this.#pulse?.stop();
      rmSync(options.folder, { recursive: true, force: true, maxRetries: 2 });
      return { ...ending, why: this.#why, lastLines };
    });
    const early = this.ended.then(() => null);
    this.ready = Promise.race([readiness, early]).then((address) => {
      this.address = address;
      if (address === null) void this.end("unready");
      return address;
    });
  }

  static async start(options: InstanceOptions): Promise<Instance> {
    const { material, root, folder, region, node } = options;
    const { run, memory } = material.spec;
    for (const name of ["home", "tmp"]) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    const port = run.kind === "service" ? await ports.claim() : 0;
    const { TZ, ...base } = baseEnvironment(process.env, node, folder);
    const env = {
      ...base,
      // What is usual for functions the runtime knows: said here, it would stand above their own configuration.
      ...(run.kind === "service" && {
        ...(TZ !== undefined && { TZ }),
        NODE_ENV: "production",
        ...LISTENING,
      }),
      ...material.env,
      PORT: String(port),
      CLOUDIFY_REGION: region,
      VERCEL_REGION: region,
    };
    const space = `--max-old-space-size=${memory}`;
    if (run.kind === "service") {
      const nodeOptions = `${material.env.NODE_OPTIONS ?? ""} ${space}`.trim();
      const child = await startChild({
        command: "sh",
        args: ["-c", run.command],
        cwd: root,
        env: { ...env, NODE_OPTIONS: nodeOptions },
        pipes: [],
      }).catch((error: unknown) => {
        ports.release(port);
        throw error;
      });
      void child.ended.then(() => ports.release(port));
      return new Instance(child, options, listeningAt(port, child, options.startLimitMs));
    }
    const config: RuntimeConfig = {
      spec: material.spec,
      root,
      region,
      deployment: material.deployment,
      host: "127.0.0.1",
      hasPipes: true,
    };
    const path = join(folder, "runtime.json");
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    const args = [space, "--enable-source-maps", options.runtime, path];
    const child = await startChild({ command: node, args, cwd: root, env, pipes: [STATE_FD, LINES_FD] });
    const { promise, resolve } = Promise.withResolvers<Address | null>();
    const instance = new Instance(child, options, promise);
    instance.#listen(resolve, options.startLimitMs);
    return instance;
  }

  /** To what the runtime says of itself. */
  #listen(onReady: (address: Address | null) => void, limitMs: number): void {
    const late = setTimeout(() => onReady(null), limitMs);
    const reader = readLines(MESSAGE_BYTES, (text) => {
      const said = messageIn(text);
      if (said && "drained" in said) {
        this.isDrained = true;
        return;
      }
      clearTimeout(late);
      onReady(said && { host: "127.0.0.1", port: said.port });
    });
    this.#child.pipe(STATE_FD).on("data", (chunk: Buffer) => reader.write(chunk));
    void this.#child.ended.then(() => clearTimeout(late));
  }

  /** @returns To be called when the request is over. */
  enter(): () => void {
    this.inFlight += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.inFlight -= 1;
      if (this.inFlight === 0) this.#onIdle?.();
    };
  }

  /** Lets what is in flight finish, and what goes on behind it, for so long. Nothing new may be sent to it. */
  async drain(limitMs: number): Promise<void> {
    // However it ends from here on, nobody waits for it.
    this.#why = "stopped";
    const until = Date.now() + limitMs;
    if (this.inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
        void this.ended.then(this.#onIdle);
      });
    }
    await this.#child.stop(Math.max(GRACE_MS, until - Date.now()));
  }

  /** @returns How many looks in a row it has owed an answer; 0: it does not, or nobody waits for it. */
  look(): number {
    return this.address && this.#pulse ? this.#pulse.look(this.address, this.inFlight > 0) : 0;
  }

  /** By what its processes are found. */
  get family(): Family {
    return this.#child.family;
  }

  get isHung(): boolean {
    return this.#why === "hung";
  }

  async end(why: Why): Promise<void> {
    if (this.#why === "crashed") this.#why = why;
    // A thread that never comes back does not hear of SIGTERM.
    await this.#child.stop(why === "memory" || why === "hung" ? 0 : GRACE_MS);
  }

  /** @returns The last lines, as they come. */
  #read({ material, onLine }: InstanceOptions): string[] {
    const { deployment, env, secrets, spec } = material;
    const redact = redaction(env, secrets);
    const last: string[] = [];
    const say = (line: FunctionLine) => {
      last.push(line.text);
      if (last.length > LAST_LINES) last.shift();
      onLine({ deployment, ...line });
    };
    const plain = (level: FunctionLine["level"]) =>
      redact.before(readLines(PLAIN_BYTES, (text) => say({ function: null, level, at: Date.now(), text })));
    const sources = [
      { stream: this.#child.stdout, reader: plain("info") },
      { stream: this.#child.stderr, reader: plain("error") },
    ];
    if (spec.run.kind === "functions") {
      const reader = readLines(MESSAGE_BYTES, (text) => {
        const { cut = 0, ...line } = parsed(text);
        // Said behind what was redacted: a secret's beginning is known as one at the end of a text only.
        const said = redact.text(line.text);
        say({ ...line, text: cut > 0 ? `${said}… (${cut} characters cut)` : said });
      });
      sources.push({ stream: this.#child.pipe(LINES_FD), reader });
    }
    for (const { stream, reader } of sources) {
      stream.on("data", (chunk: Buffer) => reader.write(chunk));
      stream.once("close", () => reader.end());
    }
    return last;
  }
}

/** A line of the runtime. What is not as agreed is said as it is: functions can write to the pipe too. */
function parsed(text: string): FunctionLine {
  try {
    const line = JSON.parse(text) as Partial<FunctionLine>;
    const levels = ["debug", "info", "warn", "error"] as const;
    const level = levels.find((one) => one === line.level);
    if (level && typeof line.text === "string" && typeof line.at === "number")
      return {
        function: typeof line.function === "string" ? line.function : null,
        level,
        at: line.at,
        text: line.text,
        cut: typeof line.cut === "number" ? line.cut : 0,
      };
  } catch {
    // Said below.
  }
  return { function: null, level: "info", at: Date.now(), text };
}

async function listeningAt(port: number, child: Child, limitMs: number): Promise<Address | null> {
  const over = new AbortController();
  void child.ended.then(() => over.abort());
  const until = AbortSignal.any([over.signal, AbortSignal.timeout(limitMs)]);
  const host = await listening(port, child.members, until);
  return host === null ? null : { host, port };
}

/** @returns `null` for what is not as agreed: functions can write to the pipe too. */
function messageIn(text: string): RuntimeMessage | null {
  try {
    const { ready, port, drained } = JSON.parse(text) as {
      ready?: unknown;
      port?: unknown;
      drained?: unknown;
    };
    if (drained === true) return { drained };
    return ready === true && typeof port === "number" && Number.isInteger(port) ? { ready, port } : null;
  } catch {
    return null;
  }
}
