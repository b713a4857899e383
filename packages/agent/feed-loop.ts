/**
 * Hears what the region is to run, and hands it to the driver. Hearing and applying are two things: a slow apply delays
 * neither the next word nor a report, and nothing is acknowledged before it is applied.
 */
import { type Desired, MAX_WAIT_MS, RESYNC_MS, type WorkloadMaterial } from "@cloudify/protocol";
import { backoffMs } from "./backoff.ts";
import type { Client } from "./client.ts";
import type { Driver } from "./driver.ts";
import { digestOf, emptyFeed, type Feed, type Todo, take } from "./feed.ts";
import type { LeaseLoop } from "./lease-loop.ts";
import { loadMaterial, materialFile, saveMaterial } from "./materials.ts";
import { Progress } from "./progress.ts";
import { Queues, type Tried } from "./queues.ts";
import type { Seams } from "./seams.ts";
import { LAST_GOOD, type LastGood, load, save } from "./state.ts";
import type { StatusLoop } from "./status-loop.ts";

export interface FeedOptions {
  client: Pick<Client, "feed" | "material">;
  driver: Pick<Driver, "apply" | "remove">;
  lease: Pick<LeaseLoop, "granted" | "lost" | "guard">;
  statuses: Pick<StatusLoop, "of" | "set" | "forget">;
}

/** Workloads that are fetched and laid out at once. */
const AT_ONCE = 8;
/** What was put up so lately is warm again after a restart: a release may wait for it, or a rollback want it. */
const WARM_MS = 30 * 60_000;
/** A snapshot is not asked for more often, whatever seems wrong. */
const MIN_RESYNC_MS = 10_000;

const NOTHING: LastGood = { epoch: 0, ingressKey: null, cursor: 0, items: [], kept: [] };

export class FeedLoop {
  #seams: Seams;
  #options: FeedOptions;
  #queues: Queues;
  #progress: Progress;
  #feed: Feed = emptyFeed;
  /** Known from the beginning, the key above all: an ingress that starts is to know the former one, too. */
  #lastGood: LastGood;
  /** The disk did not take it; it is written with the next word. */
  #isUnsaved = false;
  #needsSnapshot = true;
  #snapshotAt = Number.NEGATIVE_INFINITY;
  #refusal: string | null = null;
  #signal: AbortSignal;

  constructor(seams: Seams, options: FeedOptions, signal: AbortSignal) {
    this.#seams = seams;
    this.#options = options;
    this.#signal = signal;
    this.#lastGood = load<LastGood>(seams.storage, LAST_GOOD, seams.log) ?? NOTHING;
    this.#queues = new Queues(seams, AT_ONCE, signal);
    this.#progress = new Progress({ cursor: 0, digest: digestOf([]) });
  }

  get applied(): { cursor: number; digest: string } {
    return this.#progress.applied;
  }

  /** Up to where it was heard. */
  get cursor(): number {
    return this.#feed.cursor;
  }

  get ingressKey(): string | null {
    return this.#lastGood.ingressKey;
  }

  /** Why the last snapshot was not taken; `null` when it was. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** Puts up what was last known, before anybody has answered: it ran, and is to run. */
  boot(): void {
    const { clock, storage, log } = this.#seams;
    const held = this.#lastGood;
    if (held === NOTHING) return;
    const byId = (items: readonly Desired[]) => new Map(items.map((item) => [item.id, item]));
    this.#feed = { cursor: held.cursor, items: byId(held.items), kept: byId(held.kept) };
    for (const item of [...held.items, ...held.kept]) {
      const material = loadMaterial(storage, item.id, log);
      this.#pending(item);
      // The others wake when somebody asks: all that was ever deployed at once would be too much for the machine.
      const isLate = material !== null && clock.now() - material.putUpAt > WARM_MS;
      const again = isLate ? { ...item, isWarm: false } : item;
      if (material)
        this.#queues.put(
          item.id,
          () => this.#hand(again, material, held.epoch, this.#signal),
          () => {},
        );
    }
    log("info", "What was last known is put up.", { workloads: held.items.length + held.kept.length });
  }

  onIngressKey(ingressKey: string): void {
    if (this.#lastGood.ingressKey === ingressKey) return;
    this.#lastGood = { ...this.#lastGood, ingressKey };
    this.#save();
  }

  async run(): Promise<void> {
    const { clock, random, log } = this.#seams;
    const { client, lease } = this.#options;
    let failures = 0;
    while (!this.#signal.aborted) {
      const epoch = await lease.granted(this.#signal);
      if (epoch === null) return;
      const now = clock.monotonic();
      const isSnapshot = this.#needsSnapshot || now - this.#snapshotAt >= RESYNC_MS;
      const untilResync = Math.max(0, this.#snapshotAt + RESYNC_MS - now);
      const waitMs = isSnapshot ? 0 : Math.floor(Math.min(MAX_WAIT_MS, untilResync));
      const answer = await client.feed(epoch, isSnapshot ? 0 : this.#feed.cursor, waitMs, this.#signal);
      if (this.#signal.aborted) return;
      if (!answer.ok) {
        if (answer.code === "fenced") lease.lost(epoch);
        failures += 1;
        log("warn", "The feed could not be read.", { code: answer.code, detail: answer.detail });
        await clock.wait(backoffMs(failures, random(), answer.retryAfterMs), this.#signal);
        continue;
      }
      const taken = take(this.#feed, answer.value);
      if (!taken.ok) {
        failures += 1;
        this.#needsSnapshot = true;
        this.#refusal = taken.detail;
        log("error", `What the region is to run was not taken: ${taken.detail} What runs here goes on.`, {
          reason: taken.reason,
          fix: "If it is right, end the workloads with tombstones: remove their deployments.",
        });
        await clock.wait(backoffMs(failures, random()), this.#signal);
        continue;
      }
      failures = 0;
      this.#refusal = null;
      if (answer.value.kind === "snapshot") this.#snapshotAt = clock.monotonic();
      this.#needsSnapshot = taken.isDiverged;
      this.#feed = taken.feed;
      if (
        this.#isUnsaved ||
        taken.todo.length > 0 ||
        this.#lastGood.epoch !== epoch ||
        this.#lastGood.cursor !== taken.feed.cursor
      ) {
        this.#lastGood = { ...this.#lastGood, epoch, ...plain(taken.feed) };
        this.#save();
      }
      const done = this.#progress.begin(
        { cursor: taken.feed.cursor, digest: taken.digest },
        taken.todo.length,
      );
      for (const one of taken.todo) this.#enqueue(one, done);
      if (taken.isDiverged) {
        log("warn", "What is desired here is not what is desired there: it is told anew.", {
          cursor: taken.feed.cursor,
        });
        await clock.wait(MIN_RESYNC_MS * random(), this.#signal);
      }
    }
  }

  #enqueue(todo: Todo, onDone: () => void): void {
    const { lease } = this.#options;
    const guarded = (work: (epoch: number, signal: AbortSignal) => Promise<Tried>) => async () => {
      const epoch = await lease.granted(this.#signal);
      return epoch === null ? "again" : work(epoch, AbortSignal.any([this.#signal, lease.guard]));
    };
    switch (todo.type) {
      case "put":
        this.#pending(todo.item);
        this.#queues.put(
          todo.item.id,
          guarded((epoch, signal) => this.#put(todo.item, epoch, signal)),
          onDone,
        );
        break;
      case "tombstone":
        this.#queues.put(
          todo.id,
          guarded((epoch, signal) => this.#remove(todo.id, { epoch, generation: todo.generation }, signal)),
          onDone,
        );
        break;
    }
  }

  async #put(item: Desired, epoch: number, signal: AbortSignal): Promise<Tried> {
    const { storage, log } = this.#seams;
    const held = loadMaterial(storage, item.id, log);
    if (held?.generation === item.generation) return this.#hand(item, held, epoch, signal);
    const answer = await this.#options.client.material(item.id, epoch, signal);
    if (answer.ok) {
      // A newer one is on its way in the feed, and this one is nothing any more.
      if (answer.value.generation > item.generation) return "done";
      if (answer.value.generation < item.generation) return "again";
      return this.#hand(item, answer.value, epoch, signal);
    }
    if (answer.code === "fenced") this.#options.lease.lost(epoch);
    // It was told to stop, which says nothing of the workload.
    if (signal.aborted) return "again";
    this.#say(item, "false", "SpecUnavailable", answer.detail);
    return "again";
  }

  async #hand(item: Desired, material: WorkloadMaterial, epoch: number, signal: AbortSignal): Promise<Tried> {
    const { clock, storage, log } = this.#seams;
    const { id, isWarm } = item;
    const stamp = { epoch, generation: material.generation };
    const applied = await this.#options.driver.apply({ id, stamp, isWarm, material }, signal).catch(failed);
    if (applied.ok) {
      const held = loadMaterial(storage, id, log);
      const putUpAt = held?.generation === material.generation ? held.putUpAt : clock.now();
      saveMaterial(storage, log, id, { ...material, putUpAt });
      return "done";
    }
    if (signal.aborted) return "again";
    log("warn", `${id} could not be put up: ${applied.detail}`, { id, reason: applied.reason });
    switch (applied.reason) {
      case "fenced":
        // Something newer is there already, by whoever's hand.
        return "done";
      case "invalid":
        this.#say(item, "false", "Invalid", applied.detail);
        return "done";
      case "failed":
        this.#say(item, "false", "SpecUnavailable", applied.detail);
        return "again";
    }
  }

  async #remove(
    id: string,
    stamp: { epoch: number; generation: number },
    signal: AbortSignal,
  ): Promise<Tried> {
    const removed = await this.#options.driver.remove(id, stamp, signal).catch(failed);
    if (!removed.ok && removed.reason !== "fenced") {
      this.#seams.log("warn", `${id} could not be removed: ${removed.detail}`, { id });
      return "again";
    }
    if (removed.ok) {
      this.#seams.storage.remove(materialFile(id));
      this.#options.statuses.forget(id);
    }
    return "done";
  }

  /** Never says of what runs that it is not known. */
  #pending(item: Desired): void {
    if (!this.#options.statuses.of(item.id)) this.#say(item, "unknown", "Pending", "It waits for its turn.");
  }

  /** What is so again has been so all along: a release gives up on what lasts. */
  #say({ id, generation }: Desired, ready: "false" | "unknown", reason: string, detail: string): void {
    const last = this.#options.statuses.of(id);
    const isSame = last?.generation === generation && last.ready === ready && last.reason === reason;
    const since = isSame ? last.since : this.#seams.clock.now();
    const counts = { restarts: 0, coldStartMs: null, since };
    this.#options.statuses.set({ id, generation, ready, reason, detail, ...counts });
  }

  /** On a full disk the region still does what it is told: to remove workloads may be what makes room. */
  #save(): void {
    try {
      save(this.#seams.storage, LAST_GOOD, this.#lastGood);
      this.#isUnsaved = false;
    } catch (error) {
      this.#isUnsaved = true;
      this.#seams.log("error", "What the region is to run can't be written down.", {
        error: String(error),
        fix: "Make room on the agent's disk: if it is started again before, it begins with what it knew before this.",
      });
    }
  }
}

const failed = (error: unknown) =>
  ({ ok: false, reason: "failed", detail: error instanceof Error ? error.message : String(error) }) as const;

const plain = ({ cursor, items, kept }: Feed): Pick<LastGood, "cursor" | "items" | "kept"> => ({
  cursor,
  items: [...items.values()],
  kept: [...kept.values()],
});
