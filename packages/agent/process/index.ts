/**
 * The process driver: workloads and builds as child processes of the agent on this machine, and the region's ingress in
 * the agent itself. What it runs ends with it.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { type Load, workloadId } from "@cloudify/protocol";
import type { Clock } from "../clock.ts";
import type {
  Actual,
  Applied,
  BlobSource,
  BuildEnd,
  BuildJob,
  Driver,
  DriverEvents,
  Stamp,
  Wish,
} from "../driver.ts";
import { runBuild } from "./build.ts";
import { folderOf, sweepBeside } from "./folders.ts";
import { type Ingress, startIngress } from "./ingress.ts";
import type { Instance } from "./instance.ts";
import { Kin } from "./kin.ts";
import { faultOf, layOut } from "./layout.ts";
import { memoryOf } from "./usage.ts";
import { type Prepared, Workload, type WorkloadSeams } from "./workload.ts";

export interface ProcessOptions {
  /** Folder for workloads, and for what they and builds write; only this driver's. */
  home: string;
  region: string;
  host: string;
  /** Of the ingress; 0: any. */
  port: number;
  /** Origin at which the edge reaches the ingress; `null`: as it listens. */
  origin: string | null;
  /** Paths of Node and of the two programs that it runs. */
  node: string;
  runtime: string;
  build: string;
  /** What a build may hold. */
  buildMemoryBytes: number;
  clock: Clock;
  random(): number;
  idleMs?: number;
  drainMs?: number;
  startLimitMs?: number;
  /** For how long a function may keep its process from everything else. */
  hangLimitMs?: number;
}

const IDLE_MS = 30 * 60_000;
const DRAIN_MS = 30_000;
const START_LIMIT_MS = 60_000;
/** Loading a large module, or rendering a large page, may keep a process for seconds on a busy machine. */
const HANG_LIMIT_MS = 15_000;
/** How often it is looked who holds too much memory, hangs, or is not used. */
const TICK_MS = 500;

export class ProcessDriver implements Driver {
  readonly name = "process";
  ingress: string | null = null;
  #options: ProcessOptions;
  #workloads = new Map<string, Workload>();
  /** What was asked last of each workload, also of those that are gone: an older word does not bring them back. */
  #stamps = new Map<string, Stamp>();
  /** Whose folder holds nothing of an agent before this one. */
  #swept = new Set<string>();
  #turns = new Map<string, Promise<unknown>>();
  #ending = new Set<Promise<void>>();
  #blobs: BlobSource | null = null;
  #seams: WorkloadSeams | null = null;
  #server: Ingress | null = null;
  #ticks: NodeJS.Timeout | null = null;
  #kin = new Kin();
  /** Bytes of an instance, by its id. */
  #memory = new Map<number, number>();

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  async start(key: () => string | null, blobs: BlobSource, events: DriverEvents): Promise<void> {
    const { home, host, port, origin, region, node, runtime, clock, random } = this.#options;
    const { idleMs = IDLE_MS, drainMs = DRAIN_MS, startLimitMs = START_LIMIT_MS } = this.#options;
    // What instances and builds of an agent before this one wrote; they have ended with it.
    const runs = join(home, "runs");
    for (const left of [runs, join(home, "builds")]) rmSync(left, { recursive: true, force: true });
    mkdirSync(runs, { recursive: true, mode: 0o700 });
    // The type of a module without a package.json is said by the nearest above: here it is not that of whatever the home
    // lies in, for example of the platform itself. (Where packages are looked for goes on above it, as Node does.)
    writeFileSync(join(home, "package.json"), "{}\n");
    const times = { idleMs, drainMs, startLimitMs };
    this.#seams = { clock, random, region, node, runtime, runs, ...times, ...events };
    this.#blobs = blobs;
    const target = (deployment: string, group: string) => this.#workloads.get(workloadId(deployment, group));
    this.#server = await startIngress({ host, port, clock, key, target });
    this.ingress = origin ?? `http://${host.includes(":") ? `[${host}]` : host}:${this.#server.port}`;
    this.#ticks = setInterval(() => this.#tick(), TICK_MS);
  }

  apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    return this.#inTurn(wish.id, () => this.#apply(wish, signal));
  }

  async #apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    const refused = this.#take(wish.id, wish.stamp);
    if (refused) return refused;
    const prepared = await this.#prepare(wish, signal);
    if ("ok" in prepared) return prepared;
    const held = this.#workloads.get(wish.id);
    if (held) {
      const before = held.root;
      held.want(prepared);
      if (before !== prepared.root) this.#discard(held, before);
    } else if (this.#seams) {
      await this.#sweepBeside(prepared);
      this.#workloads.set(wish.id, new Workload(prepared, this.#seams));
    }
    return { ok: true };
  }

  /** Before the first instance only: later ones may still run from an older layout. */
  async #sweepBeside({ wish, root }: Prepared): Promise<void> {
    if (this.#swept.has(wish.id)) return;
    this.#swept.add(wish.id);
    // Room on the disk is all that a failure costs.
    await sweepBeside(root).catch(() => undefined);
  }

  remove(id: string, stamp: Stamp): Promise<Applied> {
    return this.#inTurn(id, () => this.#remove(id, stamp));
  }

  async #remove(id: string, stamp: Stamp): Promise<Applied> {
    const refused = this.#take(id, stamp);
    if (refused) return refused;
    const workload = this.#workloads.get(id);
    // An agent before this one may have run it, and ended before its folder was gone.
    if (!workload) return this.#clear(id);
    this.#workloads.delete(id);
    const stopped = workload.stop(this.#options.drainMs ?? DRAIN_MS);
    this.#track(stopped.then(async () => void (await this.#inTurn(id, () => this.#clear(id)))));
    return { ok: true };
  }

  /** Unless it is put up again meanwhile. */
  async #clear(id: string): Promise<Applied> {
    const folder = folderOf(this.#options.home, id);
    if (folder !== null && !this.#workloads.has(id)) await rm(folder, { recursive: true, force: true });
    return { ok: true };
  }

  async list(): Promise<Actual[]> {
    return [...this.#workloads].map(([id, { wish, status }]) => ({ id, stamp: wish.stamp, status }));
  }

  /** For how long nobody has asked it, in milliseconds; 0 when somebody waits, or it is not here. */
  idleMsOf(id: string): number {
    return this.#workloads.get(id)?.idleMs ?? 0;
  }

  async load(): Promise<Omit<Load, "builds">> {
    const cpu = Math.min(1, (loadavg()[0] ?? 0) / availableParallelism());
    let memoryBytes = process.memoryUsage.rss();
    for (const { pid } of this.#instances()) memoryBytes += this.#memory.get(pid) ?? 0;
    return { cpu, memoryBytes, workloads: this.#workloads.size };
  }

  build(job: BuildJob, signal: AbortSignal): Promise<BuildEnd> {
    const { home, node, build, buildMemoryBytes } = this.#options;
    return runBuild(
      { folder: join(home, "builds"), node, program: build, memoryBytes: buildMemoryBytes },
      job,
      signal,
    );
  }

  async stop(): Promise<void> {
    this.#server?.drain();
    const drainMs = this.#options.drainMs ?? DRAIN_MS;
    const all = [...this.#workloads.values()].map((workload) => workload.stop(drainMs));
    await Promise.all([...all, ...this.#ending]);
    if (this.#ticks) clearInterval(this.#ticks);
    await this.#server?.close();
  }

  /** What is said of one workload is done in the order in which it was said. */
  async #inTurn(id: string, work: () => Promise<Applied>): Promise<Applied> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work);
    const isOver = turn.catch(() => undefined);
    this.#turns.set(id, isOver);
    void isOver.then(() => this.#turns.get(id) === isOver && this.#turns.delete(id));
    return turn;
  }

  /** Remembers the stamp. @returns A refusal, if it is older than what is held. */
  #take(id: string, stamp: Stamp): Applied | null {
    const held = this.#stamps.get(id);
    if (held && stamp.epoch < held.epoch) return fenced(`Epoch ${held.epoch} acts for this region.`);
    if (held && stamp.generation < held.generation) return fenced(`It is at generation ${held.generation}.`);
    this.#stamps.set(id, stamp);
    return null;
  }

  async #prepare(wish: Wish, signal: AbortSignal): Promise<Prepared | Applied> {
    const { id, material } = wish;
    const folder = folderOf(this.#options.home, id);
    if (folder === null)
      return { ok: false, reason: "invalid", detail: `${JSON.stringify(id)} names no workload.` };
    const fault = faultOf(material.spec.files);
    if (fault !== null) return { ok: false, reason: "invalid", detail: fault };
    const layout = digestOf(material.spec);
    const root = join(folder, layout);
    const blobs = this.#blobs;
    if (!blobs) throw new Error("The driver is not started");
    try {
      const fileOf = (sha256: string) => blobs.fileOf(material.team, sha256, signal);
      if (!existsSync(root)) await layOut(root, material.spec.files, fileOf, signal);
    } catch (error) {
      return { ok: false, reason: "failed", detail: error instanceof Error ? error.message : String(error) };
    }
    return { wish, root, digest: digestOf([layout, material.env]) };
  }

  #discard(workload: Workload, root: string): void {
    // Whatever ran from there may still finish.
    const last = workload.instances.map(({ ended }) => ended);
    this.#track(
      Promise.all(last).then(async () => {
        if (workload.root !== root) await rm(root, { recursive: true, force: true });
      }),
    );
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(() => undefined).finally(() => this.#ending.delete(tracked));
    this.#ending.add(tracked);
  }

  #instances = () => [...this.#workloads.values()].flatMap(({ instances }) => instances);

  #tick(): void {
    for (const workload of this.#workloads.values()) workload.tick();
    const instances = this.#instances();
    if (instances.length === 0) return;
    const members = this.#kin.look(instances.map(({ family }) => family));
    const bytesOf = ({ family }: Instance) => memoryOf(members.get(family) ?? []);
    this.#memory = new Map(instances.map((one) => [one.pid, bytesOf(one)]));
    const mayOwe = Math.ceil((this.#options.hangLimitMs ?? HANG_LIMIT_MS) / TICK_MS);
    for (const one of instances) {
      if ((this.#memory.get(one.pid) ?? 0) > one.memoryLimitBytes) void one.end("memory");
      else if (one.look() > mayOwe) void one.end("hung");
    }
  }
}

const fenced = (detail: string): Applied => ({ ok: false, reason: "fenced", detail });

const digestOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
