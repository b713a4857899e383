/**
 * Where a region's workloads run, and the driver that an agent reaches it by. In Kubernetes it outlives agents, and what
 * one of them sent may arrive after its end; under the process driver it ends with the agent. Held to packages/agent/driver.ts.
 */
import type { WorkloadStatus } from "@cloudify/protocol";
import type {
  Actual,
  Applied,
  BuildEnd,
  Driver,
  DriverEvents,
  Stamp,
  Wish,
} from "../../packages/agent/driver.ts";
import type { Process } from "./timeline.ts";
import type { World } from "./world.ts";

export type ClusterKind = "kubernetes" | "process";

interface Running {
  wish: Wish;
  status: WorkloadStatus;
  /** Changes with each start. */
  turn: number;
}

const fenced: Applied = { ok: false, reason: "fenced", detail: "Something newer is there." };

export class Cluster {
  readonly region: string;
  readonly kind: ClusterKind;
  readonly workloads = new Map<string, Running>();
  readonly #name: string;
  #world: World;
  #stamps = new Map<string, Stamp>();
  /** The newest that wrote here. */
  #epoch = 0;
  #turns = 0;
  #watcher: { process: Process; events: DriverEvents } | null = null;
  isOver = false;

  constructor(world: World, region: string, kind: ClusterKind) {
    this.#world = world;
    this.region = region;
    this.kind = kind;
    this.#name = `${region} ${world.draw()}`;
  }

  /** Who came last hears of everything from here on, beginning with how it is. */
  watch(process: Process, events: DriverEvents): void {
    this.#watcher = { process, events };
    for (const { status } of this.workloads.values()) this.#tell(status);
  }

  apply(wish: Wish, bootId: string): Applied {
    const { id, stamp } = wish;
    if (this.#isFenced(id, stamp)) return fenced;
    this.#world.monitor.applied(this.region, this.#name, { id, stamp, bootId });
    const held = this.workloads.get(id);
    const isSame = held?.wish.material.generation === wish.material.generation;
    if (held && isSame) {
      held.wish = wish;
      this.#tell(held.status);
    } else this.#start(wish, 0);
    return { ok: true };
  }

  remove(id: string, stamp: Stamp): Applied {
    if (this.#isFenced(id, stamp)) return fenced;
    if (this.workloads.delete(id)) this.#world.monitor.removed(this.region, this.#name, { id, stamp });
    return { ok: true };
  }

  /** Every workload ends, and is started again. */
  crashWorkloads(): void {
    for (const { wish, status } of [...this.workloads.values()]) this.#start(wish, status.restarts + 1);
  }

  end(): void {
    this.isOver = true;
    this.workloads.clear();
  }

  #isFenced(id: string, stamp: Stamp): boolean {
    const { isFenced } = this.#world.rules;
    const held = this.#stamps.get(id);
    // What is not there carries no stamp; who would bring it back is measured by the region's epoch.
    const isGone = this.kind === "kubernetes" && !this.workloads.has(id);
    if (isGone && isFenced({ epoch: this.#epoch, generation: 0 }, stamp)) return true;
    if (held && isFenced(held, stamp)) return true;
    this.#stamps.set(id, stamp);
    this.#epoch = Math.max(this.#epoch, stamp.epoch);
    return false;
  }

  #start(wish: Wish, restarts: number): void {
    const { timeline, chance } = this.#world;
    this.#turns += 1;
    const turn = this.#turns;
    const { id, stamp } = wish;
    const status: WorkloadStatus = {
      id,
      generation: stamp.generation,
      ready: "false",
      reason: "Starting",
      detail: "",
      restarts,
      coldStartMs: null,
      since: timeline.now,
    };
    this.workloads.set(id, { wish, status, turn });
    this.#tell(status);
    timeline.after(chance.between(100, 4_000), () => {
      const running = this.workloads.get(id);
      if (running?.turn !== turn || this.isOver) return;
      if (chance.happens(0.05)) return this.#start(running.wish, restarts + 1);
      running.status = {
        ...status,
        generation: running.wish.stamp.generation,
        ready: "true",
        reason: "Ready",
      };
      this.#tell(running.status);
      this.say(id, "up");
    });
  }

  say(id: string, what: string): void {
    const deployment = id.slice(0, id.indexOf("."));
    if (!this.#watcher) return;
    const { process, events } = this.#watcher;
    process.run(() => {
      const text = this.#world.line(`${this.region} ${id} ${what}`);
      events.onLine({ deployment, function: null, at: process.clock.now(), level: "info", text });
    });
  }

  #tell(status: WorkloadStatus): void {
    if (!this.#watcher) return;
    const { process, events } = this.#watcher;
    process.run(() => events.onStatus(status));
  }
}

export class ClusterDriver implements Driver {
  readonly name;
  readonly ingress: string;
  #world: World;
  #process: Process;
  #cluster: Cluster;
  #bootId: string;

  constructor(world: World, process: Process, cluster: Cluster, bootId: string) {
    this.#world = world;
    this.#process = process;
    this.#cluster = cluster;
    this.#bootId = bootId;
    this.name = cluster.kind;
    this.ingress = `https://${cluster.region}`;
  }

  async start(_key: () => string | null, _blobs: unknown, events: DriverEvents): Promise<void> {
    this.#cluster.watch(this.#process, events);
  }

  apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    return this.#send(signal, () => this.#cluster.apply(wish, this.#bootId));
  }

  remove(id: string, stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    return this.#send(signal, () => this.#cluster.remove(id, stamp));
  }

  async list(): Promise<Actual[]> {
    return [...this.#cluster.workloads].map(([id, { wish, status }]) => ({ id, stamp: wish.stamp, status }));
  }

  async load() {
    return { cpu: 0, memoryBytes: 0, workloads: this.#cluster.workloads.size };
  }

  build(): Promise<BuildEnd> {
    throw new Error("builds are the world's");
  }

  async stop(): Promise<void> {
    if (this.#cluster.kind === "process") this.#cluster.end();
  }

  /** On its way it can't be called back; whoever sent it may not be there any more when it arrives. */
  #send(signal: AbortSignal, act: () => Applied): Promise<Applied> {
    const { timeline, chance } = this.#world;
    const failed: Applied = { ok: false, reason: "failed", detail: "The cluster does not answer." };
    if (signal.aborted) return Promise.resolve(failed);
    const isSlow = chance.happens(0.1);
    const delay = () => (this.#cluster.kind === "process" ? 1 : chance.between(1, isSlow ? 8_000 : 150));
    return new Promise((resolve) => {
      timeline.after(delay(), () => {
        if (this.#cluster.isOver) return;
        const isBroken = chance.happens(0.02);
        const answer = isBroken && chance.happens(0.5) ? failed : act();
        timeline.after(delay(), () => this.#process.run(() => resolve(isBroken ? failed : answer)));
      });
    });
  }
}
