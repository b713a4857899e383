/** What a region's object keeps, and whom it tells. It knows no rule and no caller. */
import {
  type Change,
  type Desired,
  digestText,
  MAX_WAIT_MS,
  type RegionSnapshot,
  regionKey,
  type WorkloadStatus,
} from "@cloudify/protocol";
import { sha256 } from "#core/encoding.ts";
import { DAY, type Millis, SECOND } from "#core/time.ts";
import type { By } from "#features/pointers/rpc.ts";
import type { About } from "#features/regions/control.ts";
import { type Credentials, noCredentials } from "#features/regions/credentials.ts";
import { type Buried, emptyFeed, type Feed } from "#features/regions/feed.ts";
import { type IngressKeys, keyOfEdge } from "#features/regions/ingress-key.ts";
import { isHeld, isIngressLeaving, isLeaving, type Lease, noLease } from "#features/regions/lease.ts";
import type { FromRegion, OfTask } from "#features/regions/rpc.ts";
import type { Statuses } from "#features/regions/statuses.ts";
import * as work from "#features/regions/tasks.ts";
import { Custody } from "./custody.ts";

/** `copy`: the edge's snapshot follows. `tell`: a deployment hears of its placement or its build. */
export type Effect = { kind: "copy" } | { kind: "tell"; deployment: string; input: Said };
type Said = OfTask | Extract<FromRegion, { type: "placed" }>;
export type Facts = Record<string, unknown>;

/** What a deployment was told of its workloads, and of which generation. */
export interface Placed {
  generation: number;
  ok: boolean;
}

export const placedName = (deployment: string): string => `placed:${deployment}`;

export interface Region extends About, IngressKeys {
  /** As an operator wants it. */
  isDraining: boolean;
  removedAt: Millis | null;
}

/** What the edge is told beside; `version` tells one state of it from the next. */
interface Shown {
  version: number;
  ingress: string | null;
  isDraining: boolean;
}

/** A removed region answers for so long that it is gone; then its object is as new. */
const FORGET_MS = DAY;
/** A router that finds nothing keeps what it has, so it is told; no isolate lives for so long without a look. */
const TOMBSTONE_SECONDS = (7 * DAY) / SECOND;

export const tell = (told: readonly work.Told[]): Effect[] => told.map((one) => ({ kind: "tell", ...one }));

export abstract class RegionCustody extends Custody<Effect> {
  /** Woken by each change that somebody may wait for. */
  #wake: () => void = () => undefined;
  #news = this.#nextNews();
  #feed: Feed | null = null;
  #statuses: Statuses | null = null;
  #digest: { cursor: number; text: string } | null = null;

  /** A forged credential may name any region, and must leave no object behind: only {@link make} makes one. */
  protected override createTables(): void {
    if (isMade(this.ctx.storage)) super.createTables();
  }

  protected make(): void {
    super.createTables();
  }

  protected override readFact<T>(name: string): T | null {
    return isMade(this.ctx.storage) ? super.readFact<T>(name) : null;
  }

  /** `null`: there is none, or no longer. */
  protected region(): Region | null {
    const region = this.readFact<Region>("region");
    return region?.removedAt === null ? region : null;
  }

  protected lease(): Lease {
    // What was stored before boots were remembered lacks them.
    return { ...noLease, ...this.readFact<Lease>("lease") };
  }

  protected credentials(): Credentials {
    return this.readFact<Credentials>("credentials") ?? noCredentials;
  }

  protected tasks(): work.Tasks {
    return this.readFact<work.Tasks>("tasks") ?? {};
  }

  protected shown(): Shown {
    return this.readFact<Shown>("shown") ?? { version: 0, ingress: null, isDraining: false };
  }

  /** `null`: it was told nothing of what is wanted now. */
  protected placed(deployment: string): Placed | null {
    return this.readFact<Placed>(placedName(deployment));
  }

  /** A row for each item, tombstone and change, so that a change of one writes one. */
  protected feed(): Feed {
    if (this.#feed || !isMade(this.ctx.storage)) return this.#feed ?? emptyFeed;
    const items = this.readFacts<Desired>("item:");
    const buried = this.readFacts<Buried & { id: string }>("tombstone:");
    this.#feed = {
      cursor: this.readFact<number>("cursor") ?? 0,
      changes: this.readFacts<Change>("change:"),
      items: new Map(items.map((item) => [item.id, item])),
      tombstones: new Map(buried.map(({ id, ...one }) => [id, one])),
    };
    return this.#feed;
  }

  protected statuses(): Statuses {
    if (this.#statuses || !isMade(this.ctx.storage)) return this.#statuses ?? new Map();
    const all = this.readFacts<WorkloadStatus>("status:");
    this.#statuses = new Map(all.map((one) => [one.id, one]));
    return this.#statuses;
  }

  /** SHA-256 of what is desired there. */
  protected async digestOf({ cursor, items }: Feed): Promise<string> {
    if (this.#digest?.cursor === cursor) return this.#digest.text;
    const text = await sha256(digestText(items.values()));
    this.#digest = { cursor, text };
    return text;
  }

  /** No new work for its agent. */
  protected isDraining(region: Region, lease: Lease): boolean {
    return region.isDraining || isLeaving(lease);
  }

  /** Everything that changes is written here; whoever waits looks again. */
  protected save(
    changed: {
      feed?: Feed;
      statuses?: Statuses;
      region?: Region;
      lease?: Lease;
      tasks?: work.Tasks;
      ingress?: string | null;
    },
    facts: Facts,
    effects: readonly Effect[],
    by: By | null,
  ): void {
    const { feed, statuses, region, lease, tasks, ingress } = changed;
    const all: Facts = {
      ...(region ? { region } : {}),
      ...(lease ? { lease } : {}),
      ...(tasks ? { tasks } : {}),
      ...(feed ? this.#feedFacts(feed) : {}),
      ...(statuses ? this.#statusFacts(statuses) : {}),
      ...facts,
    };
    const shown = this.#nextShown(region ?? this.region(), lease ?? this.lease(), ingress ?? null);
    const isShown = shown !== null || region !== undefined;
    if (shown) all.shown = shown;
    const team = (region ?? this.region())?.team ?? "";
    this.commit(all, [...(isShown ? [{ kind: "copy" as const }] : []), ...effects], team, by);
    if (feed) this.#feed = feed;
    if (statuses) this.#statuses = statuses;
    const wake = this.#wake;
    this.#news = this.#nextNews();
    wake();
  }

  /** @param look Is called at once, with each change, and a last time when the wait is over. */
  protected async waitFor<T>(waitMs: Millis, look: (isLast: boolean) => T | null): Promise<T> {
    const over = scheduler.wait(Math.min(waitMs, MAX_WAIT_MS)).then(() => true);
    for (let isLast = waitMs <= 0; ; ) {
      const news = this.#news;
      const found = look(isLast);
      if (found !== null) return found;
      isLast = await Promise.race([over, news.then(() => false)]);
    }
  }

  protected dueAt(): Millis | null {
    const tasks = this.tasks();
    const { held } = this.lease();
    const removedAt = this.readFact<Region>("region")?.removedAt ?? null;
    const due = [
      work.dueAt(tasks),
      // To what waits its lapse matters; whatever else depends on it looks at the clock.
      held && work.hasQueued(tasks) ? held.expiresAt : null,
      removedAt === null ? null : removedAt + FORGET_MS,
    ].filter((at) => at !== null);
    return due.length === 0 ? null : Math.min(...due);
  }

  protected tick(): void {
    const now = this.clock.now();
    const lapsed = work.tick(this.tasks(), now);
    const tasks = isHeld(this.lease(), now) ? lapsed.tasks : work.giveUpQueued(lapsed.tasks);
    this.save({ tasks }, {}, tell(lapsed.told), null);
  }

  override async wake(): Promise<void> {
    if (isMade(this.ctx.storage)) await super.wake();
  }

  override async alarm(): Promise<void> {
    const removedAt = this.readFact<Region>("region")?.removedAt ?? null;
    if (removedAt !== null && this.clock.now() >= removedAt + FORGET_MS) await this.clear();
    else await super.alarm();
  }

  protected async perform(effect: Effect): Promise<void> {
    switch (effect.kind) {
      case "copy":
        return this.#copy();
      case "tell": {
        const { deployment, input } = effect;
        // A word that had to wait may have been overtaken by a newer one, which says otherwise.
        if (input.type === "placed" && this.placed(deployment)?.ok !== input.ok) return;
        const stub = this.env.DEPLOYMENTS.get(this.env.DEPLOYMENTS.idFromName(deployment));
        // Its machine says no to what it no longer waits for: that is its decision, and no failure.
        if (input.type === "placed") return void (await stub.send(input, null));
        const region = this.readFact<Region>("region")?.id ?? "";
        const sent = await stub.send({ ...input, region }, null);
        // One that is over withdraws its build by itself.
        if (input.type === "build-claimed" && !sent.ok && sent.reason === "not-holder")
          this.#giveBack(deployment, input.attempt);
      }
    }
  }

  /** Another region has it, or a later attempt was offered. */
  #giveBack(deployment: string, attempt: number): void {
    const held = this.tasks();
    const tasks = work.withdraw(held, work.taskOf(deployment), attempt, this.clock.now());
    if (tasks !== held) this.save({ tasks }, {}, [], null);
  }

  async #copy(): Promise<void> {
    const region = this.readFact<Region>("region");
    if (!region) return;
    const { id, name, latitude, longitude, weight, removedAt } = region;
    const about = { id, name, latitude, longitude, weight, ingressKey: keyOfEdge(region) };
    const snapshot: RegionSnapshot = { v: 1, ...about, ...this.shown() };
    if (removedAt === null) return this.env.SNAPSHOTS.put(regionKey(id), JSON.stringify(snapshot));
    const removed: RegionSnapshot = { ...snapshot, ingress: null, ingressKey: "", isRemoved: true };
    await this.env.SNAPSHOTS.put(regionKey(id), JSON.stringify(removed), {
      expirationTtl: TOMBSTONE_SECONDS,
    });
  }

  /** An ingress that was told once is kept: traffic follows what it answers, not the lease. */
  #nextShown(region: Region | null, lease: Lease, ingress: string | null): Shown | null {
    const held = this.shown();
    const isDraining = (region?.isDraining ?? false) || isIngressLeaving(lease);
    const next = { ingress: ingress ?? held.ingress, isDraining };
    const before = this.readFact<Region>("region");
    const isSame = held.ingress === next.ingress && held.isDraining === isDraining && isEqual(before, region);
    return isSame ? null : { version: held.version + 1, ...next };
  }

  #feedFacts(next: Feed): Facts {
    const held = this.feed();
    if (next === held) return {};
    const facts: Facts = { cursor: next.cursor };
    const kept = next.cursor - next.changes.length;
    for (const { cursor } of held.changes) if (cursor <= kept) facts[changeName(cursor)] = null;
    for (const change of next.changes)
      if (change.cursor > held.cursor) facts[changeName(change.cursor)] = change;
    // Not by the changes: one word may bring more of them than are kept.
    for (const id of held.items.keys()) if (!next.items.has(id)) facts[`item:${id}`] = null;
    for (const [id, item] of next.items) if (held.items.get(id) !== item) facts[`item:${id}`] = item;
    for (const id of held.tombstones.keys()) if (!next.tombstones.has(id)) facts[`tombstone:${id}`] = null;
    for (const [id, one] of next.tombstones)
      if (held.tombstones.get(id) !== one) facts[`tombstone:${id}`] = { id, ...one };
    return facts;
  }

  #statusFacts(next: Statuses): Facts {
    const held = this.statuses();
    const facts: Facts = {};
    for (const id of held.keys()) if (!next.has(id)) facts[`status:${id}`] = null;
    for (const [id, one] of next) if (held.get(id) !== one) facts[`status:${id}`] = one;
    return facts;
  }

  #nextNews(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** No method of the object: its constructor asks before there are any of its own. */
const isMade = ({ sql }: DurableObjectStorage): boolean =>
  sql.exec("select 1 from sqlite_master where name = 'facts'").toArray().length > 0;

/** Names sort as their numbers do. */
const changeName = (cursor: number): string => `change:${String(cursor).padStart(15, "0")}`;

const isEqual = (a: Region | null, b: Region | null): boolean => JSON.stringify(a) === JSON.stringify(b);
