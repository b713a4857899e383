/**
 * One isolate of the edge router, and its visitors: the real memory of pointers, the real choice of a region, its health,
 * breaker and failover. Stands in for workers/edge-router/{target,stages/regions,regions/*}.ts, which are put together
 * in the same way around workerd's own things.
 */
import { type IngressFault, workloadId } from "@cloudify/protocol";
import type { Running } from "#features/deployments/served.ts";
import { known, type Pointer } from "#features/pointers/machine.ts";
import * as breakers from "#features/regions/breaker.ts";
import { type Ending, isIdempotent, isOfRegion } from "#features/regions/failover.ts";
import * as healths from "#features/regions/health.ts";
import { type Candidate, ranked, type Standing } from "#features/regions/select.ts";
import type { Memo } from "../../workers/edge-router/resolution/memo.ts";
import { pointerMemo } from "../../workers/edge-router/resolution/pointer-memo.ts";
import { Process } from "./timeline.ts";
import type { World } from "./world.ts";

type Attempted = { kind: "answered" } | Ending;

/** Who carries the id of the deployment that it began with, and is served by any router; or who stays at one. */
export interface Session {
  name: string;
  deployment: string | null;
  order: number;
}

const LIMIT_MS = 10_000;
const LACKING_MS = 5_000;
const PLACES = [
  { latitude: 50, longitude: 8 },
  { latitude: 39, longitude: -77 },
  { latitude: 1, longitude: 103 },
];

export class Router {
  readonly name: string;
  readonly process: Process;
  /** What the last request came to. */
  last: { deployment: string; isAnswered: boolean; at: number } | null = null;
  #world: World;
  #memo: Memo<Pointer | null>;
  #health = new Map<string, healths.Health>();
  #breakers = new Map<string, breakers.Breaker>();
  #lacking = new Map<string, number>();
  #count = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.process = new Process(world.timeline);
    this.#memo = pointerMemo(world.rules.newest, (after, act) => world.timeline.after(after, act));
  }

  async request(session: Session): Promise<void> {
    const { world, pointer } = { world: this.#world, pointer: await this.#pointer().catch(() => null) };
    if (!pointer?.live) return;
    const pinned = session.deployment !== null && this.#isPinned(pointer, session.deployment);
    const deployment = pinned ? session.deployment : pointer.live.deployment;
    const order = pinned ? session.order : pointer.epoch;
    if (deployment === null) return;
    world.monitor.served(session.name, order, deployment);
    // Given another than it asked for, a client notices, and goes on with that one.
    if (!pinned) {
      session.deployment = deployment;
      session.order = order;
    }
    const isAnswered = await this.#call(deployment, world.chance.happens(0.8) ? "GET" : "POST");
    if (!pinned) this.last = { deployment, isAnswered, at: world.timeline.now };
  }

  #isPinned(pointer: Pointer, id: string): boolean {
    if (known(pointer, id)) return true;
    return (
      this.#world.rules.isLater(pointer, id) && this.#world.kv.read(this.name, `deployment:${id}`) !== null
    );
  }

  #pointer(): Promise<Pointer | null> {
    const world = this.#world;
    const way = `router:${this.name}`;
    const ask = () =>
      world.network.call(this.process, way, async () => {
        if (!world.pointer.isUp) throw new Error("the object does not answer");
        return world.pointer.state;
      });
    const read = () => world.pointerFor(ask);
    const copy = async () => world.kv.read<Pointer>(this.name, "pointer");
    return this.#memo.get("production", this.process.clock, () => undefined, read, copy);
  }

  async #call(deployment: string, method: string): Promise<boolean> {
    const world = this.#world;
    const served = world.kv.read<Running>(this.name, `deployment:${deployment}`);
    const workload = workloadId(deployment, "main");
    const mayRepeat = isIdempotent(method);
    const candidates = (served?.regions ?? []).flatMap((id, i) => {
      const snapshot = world.kv.read<{ ingress: string | null; isDraining: boolean }>(
        this.name,
        `region:${id}`,
      );
      const standing = this.#standing(id, workload, mayRepeat, snapshot?.isDraining ?? false);
      const { load } = this.#healthOf(id);
      const isFailover = served?.failover?.main?.includes(id) ?? false;
      const about = { id, weight: 1, load, standing, isFailover };
      return snapshot?.ingress ? [{ ...about, ...PLACES[i % 3] } as Candidate] : [];
    });
    this.#count += 1;
    const request = `${this.name} ${this.#count}`;
    const place = world.chance.pick(PLACES);
    const order = ranked(candidates, { place, key: request, region: null }).map(({ id }) => id);
    this.#probe(order);
    const [only] = order;
    if (only && order.length === 1 && mayRepeat) order.push(only);
    for (const region of order) {
      this.#breakers.set(region, breakers.enter(this.#breakerOf(region), this.#now));
      const ending = await this.#attempt(region, workload, request, mayRepeat);
      world.monitor.note(`tried ${request} ${region} ${ending.kind}`);
      this.#learn(region, workload, ending);
      if (ending.kind === "answered") return true;
      if (world.rules.verdictOf(ending, method, true) === "end") return false;
    }
    return false;
  }

  get #now(): number {
    return this.process.clock.now();
  }

  #healthOf(region: string): healths.Health {
    return this.#health.get(region) ?? healths.unknown;
  }

  #breakerOf(region: string): breakers.Breaker {
    return this.#breakers.get(region) ?? breakers.closed;
  }

  #standing(region: string, workload: string, isFit: boolean, isDraining: boolean): Standing {
    const admitted = breakers.admission(this.#breakerOf(region), this.#now);
    if (this.#healthOf(region).isDown || admitted === "shut" || (admitted === "trial" && !isFit))
      return "down";
    if (this.#now < (this.#lacking.get(`${region} ${workload}`) ?? 0)) return "lacking";
    return isDraining ? "reserve" : "ready";
  }

  /** Up to the head of an answer, or until the ingress is known not to answer. */
  #attempt(region: string, workload: string, request: string, mayRepeat: boolean): Promise<Attempted> {
    const { timeline } = this.#world;
    const until = this.#now + LIMIT_MS;
    return new Promise((resolve) => {
      let isOver = false;
      const end = (ending: Attempted) => {
        isOver = true;
        resolve(ending);
      };
      this.#send(region, (ingress) => ingress.call(workload, request, mayRepeat)).then(
        (fault) => end(fault === null ? { kind: "answered" } : { kind: "fault", fault }),
        (error: unknown) => end({ kind: error instanceof Refused ? "refused" : "broken" }),
      );
      const look = () => {
        if (isOver) return;
        this.#health.set(region, healths.doubted(this.#healthOf(region)));
        this.#probe([region]);
        const health = this.#healthOf(region);
        if (mayRepeat && health.isDown) end({ kind: "silent" });
        else if (this.#now >= until) end({ kind: health.misses > 0 ? "silent" : "late" });
        else timeline.after(250, look);
      };
      timeline.after(1_000, look);
    });
  }

  #send<T>(region: string, ask: (ingress: Ingress) => T): Promise<T> {
    const world = this.#world;
    const ingress = world.ingress(region);
    if (ingress === "refused") return Promise.reject(new Refused());
    return world.network.call(this.process, `ingress:${region}`, async () => {
      const there = world.ingress(region);
      if (there === "refused") throw new Error("reset");
      return there === "silent" ? new Promise<T>(() => {}) : ask(there);
    });
  }

  #learn(region: string, workload: string, ending: Attempted): void {
    const key = `${region} ${workload}`;
    if (ending.kind === "answered" || ending.kind === "fault") {
      this.#health.set(region, healths.answered(this.#healthOf(region)));
      this.#breakers.set(region, breakers.passed(this.#breakerOf(region), this.#now));
      if (ending.kind === "answered") this.#lacking.delete(key);
      else this.#lacking.set(key, this.#now + LACKING_MS);
    } else if (isOfRegion(ending)) {
      const chance = this.#world.chance.next();
      this.#health.set(region, healths.doubted(this.#healthOf(region)));
      this.#breakers.set(region, breakers.failed(this.#breakerOf(region), this.#now, chance));
    }
  }

  #probe(regions: readonly string[]): void {
    for (const region of regions) {
      const health = this.#healthOf(region);
      if (!healths.isProbeDue(health, this.#now)) continue;
      this.#health.set(region, healths.probing(health, this.#now));
      let isOver = false;
      const end = (isThere: boolean) => {
        if (isOver) return;
        isOver = true;
        const held = this.#healthOf(region);
        this.#health.set(region, isThere ? healths.answered(held, null) : healths.missed(held));
      };
      this.#send(region, () => undefined).then(
        () => end(true),
        () => end(false),
      );
      this.#world.timeline.after(healths.PROBE_LIMIT_MS, () => end(false));
    }
  }
}

class Refused extends Error {}

/** What answers for a region. */
export interface Ingress {
  /** @returns `null`: the workload has answered. */
  call(workload: string, request: string, mayRepeat: boolean): IngressFault | null;
}
