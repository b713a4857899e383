/**
 * The workloads that this agent has put up: what each is made of, and how it rests. One write at a time for each, all of
 * them behind the fence.
 */
import { randomBytes } from "node:crypto";
import { workloadId } from "@cloudify/protocol";
import type { Applied, BlobSource, Stamp, Wish } from "../driver.ts";
import { type Bundles, bundleOf } from "./bundle.ts";
import type { Kube } from "./client.ts";
import type { Correction } from "./correction.ts";
import { HEALTH_GENERATION, HEALTH_NAME, healthObjects } from "./health.ts";
import type { Served } from "./kinds.ts";
import { nameOf } from "./names.ts";
import { POD } from "./pod-contract.ts";
import { type Rest, restOf } from "./rest.ts";
import type { KubernetesSettings } from "./settings.ts";
import type { Sleeper } from "./sleeper.ts";
import { Turns } from "./turns.ts";
import { type Keys, objectsOf } from "./workload.ts";

export interface HoldingsSeams {
  kube: Kube;
  served: Served;
  settings: KubernetesSettings;
  blobs: BlobSource;
  bundles: Bundles;
  correction: Correction;
  /** The region's; `null`: it is not known yet. */
  key(): string | null;
  /** @param rest How it rests at present. */
  sleeperOf(id: string, rest: () => Rest): Sleeper;
}

interface Held {
  wish: Wish;
  keys: Keys;
  rest: Rest;
  /** The last write has failed, and may have been carried out all the same, or in part. */
  isUnsure: boolean;
  readonly sleeper: Sleeper;
}

const never = new AbortController().signal;

export class Holdings {
  readonly #seams: HoldingsSeams;
  readonly #held = new Map<string, Held>();
  readonly #turns = new Turns();
  /** The epoch in which the region's own objects were applied last. */
  #healthOf = -1;
  #isOver = false;

  constructor(seams: HoldingsSeams) {
    this.#seams = seams;
  }

  get(id: string): { wish: Wish; sleeper: Sleeper } | undefined {
    return this.#held.get(id);
  }

  sleepers(): Iterable<Sleeper> {
    return [...this.#held.values()].map(({ sleeper }) => sleeper);
  }

  apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    return this.#turns.take(wish.id, () => this.#apply(wish, signal)).catch(failed);
  }

  remove(id: string, stamp: Stamp, signal: AbortSignal): Promise<Applied> {
    const { bundles, correction } = this.#seams;
    const act = async (): Promise<Applied> => {
      const removed = await correction.remove(nameOf(id), stamp, signal);
      if (!removed.ok) return removed;
      this.#held.get(id)?.sleeper.end();
      this.#held.delete(id);
      bundles.withdraw("bundle", id);
      return removed;
    };
    return this.#turns.take(id, act).catch(failed);
  }

  /** Lets a workload rest in another way; where it does already, nothing is written. */
  move(id: string, decide: (rest: Rest) => Rest): Promise<Applied> {
    const act = async (): Promise<Applied> => {
      const held = this.#held.get(id);
      if (!held) return { ok: false, reason: "fenced", detail: `${id} has a tombstone` };
      const rest = decide(held.rest);
      if (rest === held.rest && !held.isUnsure) return { ok: true };
      const { epoch, generation } = held.wish.stamp;
      // What this agent may still write, it may under the newest epoch that it was given.
      const stamp = { epoch: Math.max(epoch, this.#seams.correction.epoch), generation };
      return this.#put(held, { ...held.wish, stamp }, held.keys, rest, never);
    };
    return this.#turns.take(id, act).catch(failed);
  }

  /** No key is followed any more. */
  stop(): void {
    this.#isOver = true;
  }

  /** Pods read the region's key from their Secret: a new one reaches them without a restart. */
  async followKey(): Promise<void> {
    const key = this.#seams.key();
    const stale = [...this.#held.values()].filter(({ keys }) => key && keys.ingressKey !== key);
    for (const { wish } of stale) if (this.#held.has(wish.id) && !this.#isOver) await this.apply(wish, never);
  }

  async #apply(wish: Wish, signal: AbortSignal): Promise<Applied> {
    const { blobs, key, bundles, sleeperOf } = this.#seams;
    const { id, material } = wish;
    if (id !== workloadId(material.deployment, material.spec.group)) {
      return { ok: false, reason: "invalid", detail: `${id} is not the id of what it is to run` };
    }
    const ingressKey = key();
    if (ingressKey === null)
      return { ok: false, reason: "failed", detail: "The region's ingress key is not known yet." };
    // First, for with it the fence is ours: what is read behind it nobody older changes any more.
    const health = await this.#applyHealth(wish.stamp.epoch, signal);
    if (!health.ok) return health;
    const before = this.#held.get(id);
    const token =
      before?.keys.token ?? (await this.#storedToken(id)) ?? randomBytes(32).toString("base64url");
    const rest = before && isCurrent(before, wish) ? before.rest : await this.#storedRest(wish);
    const offer = (one: Wish): void =>
      bundles.offer("bundle", id, token, { "GET ": bundleOf(one.material, blobs) });
    // A pod may ask as soon as it is there.
    offer(wish);
    const held: Held = before ?? {
      wish,
      keys: { token, ingressKey },
      rest,
      isUnsure: false,
      sleeper: sleeperOf(id, () => held.rest),
    };
    const applied = await this.#put(held, wish, { token, ingressKey }, rest, signal);
    if (applied.ok) this.#held.set(id, held);
    else if (before) offer(before.wish);
    else bundles.withdraw("bundle", id);
    return applied;
  }

  async #put(held: Held, wish: Wish, keys: Keys, rest: Rest, signal: AbortSignal): Promise<Applied> {
    const { settings, served, correction } = this.#seams;
    const objects = objectsOf({ wish, keys, rest }, settings, served);
    const applied = await correction.put(nameOf(wish.id), objects, wish.stamp, signal).catch(failed);
    if (applied.ok) Object.assign(held, { wish, keys, rest });
    held.isUnsure = !applied.ok;
    return applied;
  }

  /** The token outlives the agent in the workload's Secret: another would replace its pods. */
  async #storedToken(id: string): Promise<string | null> {
    const { kube, served } = this.#seams;
    const secret = await kube.get(served.path("secrets", nameOf(id)));
    const token = secret?.data?.[POD.token];
    return token ? Buffer.from(token, "base64").toString() : null;
  }

  /** Where the Ingress can't lead to the agent, nothing may sleep. */
  async #storedRest({ id, isWarm }: Wish): Promise<Rest> {
    const { kube, served, settings } = this.#seams;
    if (settings.activatorPort === null) return "awake";
    return restOf(await kube.get(served.path("deployments", nameOf(id))), isWarm);
  }

  /** The region's own objects come with its first workload in an epoch. */
  async #applyHealth(epoch: number, signal: AbortSignal): Promise<Applied> {
    if (this.#healthOf >= epoch) return { ok: true };
    const { settings, served, correction } = this.#seams;
    const objects = healthObjects(epoch, settings, served);
    const stamp = { epoch, generation: HEALTH_GENERATION };
    const applied = await correction.put(HEALTH_NAME, objects, stamp, signal);
    if (applied.ok) this.#healthOf = epoch;
    return applied;
  }
}

/** Between two epochs of this agent another may have acted. One that dozes does so by this agent alone. */
const isCurrent = ({ wish, rest }: Held, { stamp }: Wish): boolean =>
  wish.stamp.epoch >= stamp.epoch || rest === "dozing";

/** The server can't be reached, or the call was aborted. */
const failed = (error: Error): Applied => ({ ok: false, reason: "failed", detail: error.message });
