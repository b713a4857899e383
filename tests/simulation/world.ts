/** All that a run is made of: regions with their agents, a control plane, routers and visitors, on one timeline. */
import { createHash } from "node:crypto";
import type { AgentLine } from "@cloudify/protocol";
import type { Pointer } from "#features/pointers/machine.ts";
import { Chance } from "./chance.ts";
import { Cluster } from "./cluster.ts";
import { Deployment } from "./deployment.ts";
import { Files } from "./files.ts";
import { Host } from "./host.ts";
import { Kv } from "./kv.ts";
import { Monitor } from "./monitor.ts";
import { CALM, Network } from "./network.ts";
import { PointerOfProduction } from "./pointer.ts";
import { Region } from "./region.ts";
import { type Ingress, Router } from "./router.ts";
import type { Rules } from "./rules.ts";
import type { Script, Step } from "./script.ts";
import { specOf } from "./spec.ts";
import { Process, Timeline } from "./timeline.ts";
import { visit } from "./visitors.ts";

export class World {
  readonly timeline = new Timeline();
  readonly chance: Chance;
  readonly rules: Rules;
  readonly monitor: Monitor;
  readonly network: Network;
  readonly kv: Kv;
  /** Of the API and of who operates it: it is never the one that ends. */
  readonly api: Process;
  readonly pointer: PointerOfProduction;
  readonly regions: Region[];
  readonly routers: Router[];
  readonly deployments = new Map<string, Deployment>();
  /** `null`: none runs. */
  readonly hosts = new Map<string, Host | null>();
  isApiDown = false;
  readonly short = new Set<string>();
  readonly #script: Script;
  readonly #hash = createHash("sha256");
  readonly #clusters = new Map<string, Cluster>();
  readonly #files = new Map<string, Files>();
  readonly #down = new Map<string, number>();
  readonly #skews = new Map<string, number>();
  readonly #appended = new Map<string, string>();
  /** Of which a copy was in use: both number lines as the same writer. */
  readonly #copied = new Set<string>();
  /** What routers at one place share of the pointer, for a second. */
  readonly #cached: { pointer: Pointer | null; until: number } = { pointer: null, until: 0 };
  #drawn = 0;

  constructor(script: Script, rules: Rules) {
    this.#script = script;
    this.rules = rules;
    this.chance = new Chance(script.seed, "world");
    this.monitor = new Monitor((line) => void this.#hash.update(`${this.timeline.elapsed} ${line}\n`));
    this.network = new Network(this.timeline, new Chance(script.seed, "network"));
    this.kv = new Kv(this.timeline, new Chance(script.seed, "kv"));
    this.api = new Process(this.timeline);
    this.pointer = new PointerOfProduction(this, "pointer");
    this.regions = script.regions.map(({ name }) => new Region(this, name));
    this.routers = Array.from({ length: script.routers }, (_, i) => new Router(this, String(i + 1)));
  }

  /** Of all that happened, in order. */
  get hash(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }

  begin(): void {
    for (const { name, kind } of this.#script.regions) {
      this.#clusters.set(name, new Cluster(this, name, kind));
      this.#files.set(name, new Files(this.monitor));
      this.#start(name);
    }
    for (const step of this.#script.steps) this.timeline.after(step.at, () => this.#do(step));
    for (const router of this.routers)
      void visit(this, `stays at ${router.name}`, { router: () => router, isPinned: false });
    void visit(this, "carries an id", { router: () => this.chance.pick(this.routers), isPinned: true });
  }

  /** @returns What is not yet as it should be once nothing disturbs it; `null`: all is. */
  unsettled(): string | null {
    for (const { name, state, isFinished, owes, isRemoved } of this.deployments.values()) {
      if (!isFinished && !isRemoved) return `${name} is ${state.status}`;
      if (owes > 0) return `${name} owes something`;
    }
    if (this.pointer.owes > 0) return "the pointer owes something";
    for (const region of this.regions) {
      const found = this.#unsettledIn(region);
      if (found !== null) return `${region.name}: ${found}`;
    }
    const live = this.pointer.state?.live?.deployment;
    const router = this.routers.find(({ last }) => !last?.isAnswered || last.deployment !== live);
    return live && router
      ? `router ${router.name} does not serve ${live}: ${JSON.stringify(router.last)}`
      : null;
  }

  region(name: string): Region {
    const found = this.regions.find((region) => region.name === name);
    if (!found) throw new Error(`there is no region ${name}`);
    return found;
  }

  deployment(id: string): Deployment {
    const found = this.deployments.get(id);
    if (!found) throw new Error(`there is no deployment ${id}`);
    return found;
  }

  /** A line that nobody else says. */
  line(about: string): string {
    const text = `${about} #${this.draw()}`;
    this.monitor.said(text);
    return text;
  }

  draw(): number {
    return ++this.#drawn;
  }

  /** A call between the platform's own: it fails rather than being silent, before or after it was done. */
  rpc<T>(caller: Process, other: { isUp: boolean }, serve: () => T | Promise<T>): Promise<T> {
    const fails = () => this.chance.happens(this.network.weather.loss / 4);
    return new Promise((resolve, reject) => {
      const back = (act: () => void) =>
        this.timeline.after(this.chance.between(1, 15), () => caller.run(act));
      const fail = () => back(() => reject(new Error("the call failed")));
      this.timeline.after(this.chance.between(1, 15), () => {
        if (!other.isUp || fails()) return fail();
        Promise.resolve(serve()).then(
          (answer) => (fails() ? fail() : back(() => resolve(answer))),
          () => fail(),
        );
      });
    });
  }

  /** Claims the task, and compiles: now and then it vanishes or fails. */
  compile(deployment: Deployment, attempt: number): void {
    const { chance, timeline } = this;
    timeline.after(chance.between(50, 2_000), () => {
      if (!deployment.isUp || chance.happens(0.03) || !deployment.send({ type: "claim", attempt }).ok) return;
      timeline.after(chance.between(100, 3_000), () => {
        if (!deployment.isUp || chance.happens(0.03)) return;
        const workloads = { main: `main of ${deployment.name}` };
        const released = { site: deployment.name, hasFunctions: true, workloads, pinned: {} };
        deployment.send({ type: "compiled", attempt, ...released });
      });
    });
  }

  /** As the log's object: a line that was taken is not taken again. */
  append(deployment: string, holder: string, lines: readonly AgentLine[]): void {
    for (const { stream, n, text } of lines) {
      const key = `${deployment} ${holder} ${stream} ${n}`;
      const held = this.#appended.get(key);
      if (held === undefined) this.monitor.logged(text);
      else if (held !== text && this.#copied.has(holder)) this.monitor.excused(text);
      else if (held !== text) this.monitor.fail("lines", `${text} has the number of ${held}`);
      this.#appended.set(key, held ?? text);
    }
  }

  /** As a router reads the pointer: from what its place holds, if that is younger than a second, else from the object. */
  async pointerFor(read: () => Promise<Pointer | null>): Promise<Pointer | null> {
    const { until, pointer } = this.#cached;
    if (this.timeline.now < until) return pointer;
    const found = await read();
    Object.assign(this.#cached, { pointer: found, until: this.timeline.now + 1_000 });
    return found;
  }

  ingress(region: string): Ingress | "refused" | "silent" {
    const host = this.hosts.get(region) ?? null;
    const cluster = this.#clusters.get(region);
    if (!cluster || (cluster.kind === "process" && !host)) return "refused";
    if (cluster.kind === "process" && host?.process.isPaused) return "silent";
    return {
      call: (workload, request, mayRepeat) => {
        const running = cluster.workloads.get(workload);
        if (!running) return "absent";
        if (running.status.ready !== "true") return "starting";
        this.monitor.ran(request, mayRepeat);
        if (this.chance.happens(0.1)) cluster.say(workload, request);
        return null;
      },
    };
  }

  #unsettledIn(region: Region): string | null {
    if (region.owes > 0) return "it owes something";
    const open = Object.entries(region.tasks).find(([, { state }]) => state !== "over");
    if (open) return `task ${open[0]} is ${open[1].state}`;
    const running = this.#clusters.get(region.name)?.workloads ?? new Map();
    for (const { id, generation } of region.feed.items.values()) {
      const held = running.get(id);
      if (held?.wish.stamp.generation !== generation) return `${id} does not run at ${generation}`;
      if (held.status.ready !== "true") return `${id} is ${held.status.reason}`;
      const said = region.statuses.get(id);
      if (said?.ready !== "true" || said.generation !== generation) return `${id} is not said to be ready`;
    }
    const stray = [...running.keys()].find((id) => !region.feed.items.has(id));
    if (stray) return `${stray} runs, and is not to`;
    const agent = this.hosts.get(region.name)?.agent;
    if (!agent) return "it has no agent";
    if (agent.feed.applied.cursor !== region.feed.cursor)
      return `it is applied up to ${agent.feed.applied.cursor}`;
    return agent.lines.spooled > 0 ? `${agent.lines.spooled} lines are not handed over` : null;
  }

  #start(region: string): Host | null {
    const files = this.#files.get(region);
    const cluster = this.#clusters.get(region);
    if (!files || !cluster) return null;
    // What ran under an agent before this one has ended with it.
    const place = cluster.isOver ? new Cluster(this, region, cluster.kind) : cluster;
    this.#clusters.set(region, place);
    const host = new Host(this, region, files, place, `${region}.${this.draw()}`);
    host.process.skewMs = this.#skews.get(region) ?? 0;
    this.hosts.set(region, host);
    host.start().catch((error: unknown) => this.monitor.fail("start", String(error)));
    return host;
  }

  /** @param begin Begins the end; calls back when it has come. */
  #downFor(region: string, begin: (host: Host, up: () => void) => void): void {
    const host = this.hosts.get(region);
    if (!host) return;
    this.#down.set(region, (this.#down.get(region) ?? 0) + 1);
    let isUp = false;
    begin(host, () => {
      if (isUp) return;
      isUp = true;
      const left = (this.#down.get(region) ?? 0) - 1;
      this.#down.set(region, left);
      // Another may have begun meanwhile, on a copy of its home.
      if (left === 0 && !this.hosts.get(region)) this.#start(region);
    });
  }

  #kill(host: Host): void {
    host.process.kill();
    if (host.cluster.kind === "process") host.cluster.end();
    if (this.hosts.get(host.region) === host) this.hosts.set(host.region, null);
  }

  #do(step: Step): void {
    const { timeline, network } = this;
    this.monitor.note(`does ${JSON.stringify(step)}`);
    const later = (undo: () => void): void => {
      if ("forMs" in step) timeline.after(step.forMs, undo);
    };
    switch (step.do) {
      case "deploy":
        this.#deploy(step);
        break;
      case "cancel":
        this.deployments.get(step.id)?.send({ type: "cancel" });
        break;
      case "promote":
        this.#promote(step.id);
        break;
      case "remove":
        void this.#remove(step.id);
        break;
      case "rollback":
        this.pointer.send({ type: "rollback", release: null });
        break;
      case "rotate":
        this.region(step.region).age();
        break;
      case "crash-workloads":
        this.#clusters.get(step.region)?.crashWorkloads();
        break;
      case "skew": {
        this.#skews.set(step.region, step.ms);
        const host = this.hosts.get(step.region);
        if (host) host.process.skewMs = step.ms;
        break;
      }
      case "weather":
        network.weather = step;
        later(() => {
          if (network.weather === step) network.weather = CALM;
        });
        break;
      case "cut":
        network.cut(step.way);
        later(() => network.mend(step.way));
        break;
      case "drain":
        this.region(step.region).setDraining(true);
        later(() => this.region(step.region).setDraining(false));
        break;
      case "short":
        this.short.add(step.region);
        later(() => this.short.delete(step.region));
        break;
      case "pause": {
        const host = this.hosts.get(step.region);
        host?.process.pause();
        later(() => host?.process.resume());
        break;
      }
      case "crash":
        this.#downFor(step.region, (host, up) => {
          this.#kill(host);
          if (step.isPower) host.files.losePower(this.chance);
          later(up);
        });
        break;
      case "restart":
        this.#downFor(step.region, (host, up) => {
          const end = () => {
            this.#kill(host);
            up();
          };
          void host.agent?.stop().then(end);
          later(end);
        });
        break;
      case "zombie":
        this.#zombie(step);
        break;
      case "object": {
        const object = [...this.regions, ...this.deployments.values(), this.pointer].find(
          ({ name }) => name === step.name,
        );
        if (!object?.isUp) break;
        object.crash();
        later(() => object.restart());
        break;
      }
      case "api":
        this.isApiDown = true;
        later(() => {
          this.isApiDown = false;
        });
        break;
    }
  }

  #zombie({ region, forMs, besideMs }: Extract<Step, { do: "zombie" }>): void {
    const old = this.hosts.get(region);
    if (!old?.agent) return;
    old.process.pause();
    this.#files.set(region, old.files.copy());
    this.#copied.add(this.region(region).lease.held?.report.holder ?? "");
    // Another machine: what the process driver ran is out of reach with the one that stands still.
    if (old.cluster.kind === "process") this.#clusters.set(region, new Cluster(this, region, "process"));
    this.#start(region);
    this.timeline.after(forMs, () => old.process.resume());
    this.timeline.after(forMs + besideMs, () => {
      old.process.kill();
      if (old.cluster.kind === "process") old.cluster.end();
      old.files.giveUp();
    });
  }

  #deploy(step: Extract<Step, { do: "deploy" }>): void {
    this.deployments.set(step.id, new Deployment(this, specOf(step, this.timeline.now)));
  }

  #promote(id: string): void {
    const deployment = this.deployments.get(id);
    if (deployment?.state.status !== "ready" || deployment.isRemoved) return;
    const { createdAt } = deployment.state.spec;
    this.pointer.send({ type: "promote", release: { deployment: id, site: id, createdAt } });
  }

  /** Not what is served; asked again until it is done. */
  async #remove(id: string): Promise<void> {
    const deployment = this.deployments.get(id);
    if (!deployment?.isFinished) return;
    if (!this.pointer.send({ type: "forget", deployment: id, replacement: null }).ok) return;
    while (!deployment.isRemoved) {
      if (deployment.isUp) await deployment.remove().catch(() => undefined);
      await this.api.clock.wait(2_000);
    }
  }
}
