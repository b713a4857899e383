/**
 * Stands in for durable-objects/region.ts: the same machines of features/regions, put together in the same way. What it
 * leaves out is what the platform gives (SQL, alarms, RPC) and what no rule depends on (audit, sealing, D1).
 */
import { createHash } from "node:crypto";
import {
  type BuildTask,
  type ClaimRequest,
  type Desired,
  digestText,
  type FeedAnswer,
  type HeartbeatRequest,
  LEASE_TTL_MS,
  type LeaseAnswer,
  type LeaseRequest,
  MAX_WAIT_MS,
  RENEW_MS,
  type StatusReport,
} from "@cloudify/protocol";
import * as secrets from "#features/regions/credentials.ts";
import * as feeds from "#features/regions/feed.ts";
import {
  isCurrent,
  isHeld,
  isIngressLeaving,
  isLeaving,
  type Lease,
  noLease,
  type Refused,
} from "#features/regions/lease.ts";
import type { FromRegion, Offered, OfTask, Presence, Room, Wanted } from "#features/regions/rpc.ts";
import { placed, report, type Statuses, statusesOf } from "#features/regions/statuses.ts";
import * as work from "#features/regions/tasks.ts";
import { SimulatedObject } from "./custody.ts";
import type { World } from "./world.ts";

/** Why an agent's call is not heard, as in features/regions/control.ts. */
export type Denied = { ok: false; reason: "unauthenticated" } | Refused;
type Effect = { kind: "tell"; deployment: string; input: Said } | { kind: "copy" };
type Said = OfTask | Extract<FromRegion, { type: "placed" }>;
type Answer<T> = T | Denied;
interface Waiter {
  look(isLast: boolean): void;
  fail(): void;
}

const tell = (told: readonly work.Told[]): Effect[] => told.map((one) => ({ kind: "tell", ...one }));
const unauthenticated: Denied = { ok: false, reason: "unauthenticated" };

export class Region extends SimulatedObject<Effect> {
  lease: Lease = noLease;
  feed: feeds.Feed = feeds.emptyFeed;
  tasks: work.Tasks = {};
  statuses: Statuses = new Map();
  credentials: secrets.Credentials;
  isDrained = false;
  /** What routers are told; see the snapshot in KV. */
  shown = { version: 0, ingress: null as string | null, isDraining: false };
  #placed = new Map<string, { generation: number; ok: boolean }>();
  #waiters = new Set<Waiter>();

  constructor(world: World, name: string) {
    super(world, name);
    this.credentials = secrets.renewToken(`token of ${name}`);
  }

  override crash(): void {
    super.crash();
    for (const waiter of [...this.#waiters]) waiter.fail();
    this.#waiters.clear();
  }

  setDraining(isDrained: boolean): void {
    const tasks = isDrained ? work.giveUpQueued(this.tasks) : this.tasks;
    this.isDrained = isDrained;
    this.#save({ tasks }, []);
  }

  desire(wanted: readonly Wanted[]): Presence {
    this.#save({ feed: feeds.desire(this.feed, wanted) }, []);
    return isHeld(this.lease, this.now) ? "live" : "silent";
  }

  forget(deployment: string): void {
    this.#placed.delete(deployment);
    this.#save({ feed: feeds.forget(this.feed, deployment, this.now) }, []);
  }

  room(task: string): Room {
    if (!this.lease.held || !isHeld(this.lease, this.now)) return { ok: false, reason: "no-agent" };
    if (this.#isDraining(this.lease)) return { ok: false, reason: "draining" };
    return { ok: true, free: work.roomFor(this.tasks, task, this.lease.held.report.capacity.builds) };
  }

  offer(task: BuildTask, ifFree: boolean): Offered {
    const room = this.room(task.id);
    if (!room.ok) return room;
    if (ifFree && room.free <= 0) return { ok: false, reason: "busy" };
    const tasks = work.offer(this.tasks, task);
    if (tasks !== this.tasks) this.world.monitor.offered(this.name, task);
    this.#save({ tasks }, []);
    return { ok: true };
  }

  takeBack(task: string, attempt: number): boolean {
    const { tasks, isFree } = work.takeBack(this.tasks, task, attempt);
    this.#save({ tasks }, []);
    return isFree;
  }

  withdraw(task: string): void {
    this.#save({ tasks: work.withdraw(this.tasks, task, null, this.now) }, []);
  }

  exchange(token: string, holder: string, credential: string): boolean {
    const next = secrets.exchange(this.credentials, { token, holder, credential }, this.now);
    if (next.ok) this.credentials = next.credentials;
    return next.ok;
  }

  /** Makes the credential in use old enough to be followed by another. */
  age(): void {
    this.credentials = { ...this.credentials, since: this.credentials.since - secrets.ROTATE_MS };
  }

  renewLease(
    credential: string,
    request: LeaseRequest,
    next: string,
  ): Answer<{ ok: true; answer: LeaseAnswer }> {
    if (!this.#isKnown(credential)) return unauthenticated;
    const step = this.world.rules.takeLease(this.lease, request, this.now);
    if (!step.ok) return step;
    const { lease } = step;
    const isNew = request.epoch === null;
    const none = { tasks: this.tasks, told: [] };
    const taken = isNew ? work.takeOver(this.tasks, request.holder, this.now) : none;
    const tasks = this.#isDraining(lease) ? work.giveUpQueued(taken.tasks) : taken.tasks;
    const isOffered = secrets.isDue(this.credentials, this.now);
    if (isOffered) this.credentials = secrets.offerNext(this.credentials, next);
    const feed = feeds.compact(this.feed, request.applied.cursor, this.now);
    this.world.monitor.granted(this.name, lease.epoch, request.bootId, this.now + LEASE_TTL_MS);
    this.#save({ lease, feed, tasks }, tell(taken.told), request.ingress);
    const { epoch } = lease;
    const times = { ttlMs: LEASE_TTL_MS, renewMs: RENEW_MS, now: this.now };
    const told = { isDraining: this.isDrained, credential: isOffered ? next : null, ingressKey: "key" };
    const at = { cursor: feed.cursor, digest: digestOf(feed) };
    return { ok: true, answer: { epoch, protocol: 1, ...times, ...told, feed: at } };
  }

  readFeed(
    credential: string,
    { epoch, after, waitMs }: { epoch: number; after: number; waitMs: number },
  ): Promise<Answer<{ ok: true; answer: FeedAnswer }>> {
    return this.#waitFor(waitMs, (isLast) => {
      const denied = this.#deny(credential, epoch);
      if (denied) return denied;
      const { feed } = this;
      if (!isLast && after === feed.cursor) return null;
      return { ok: true as const, answer: { ...feeds.since(feed, after), digest: digestOf(feed) } };
    });
  }

  report(credential: string, { epoch, isFull, items }: StatusReport): Answer<{ ok: true }> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const statuses = report(this.statuses, { isFull, items });
    const feed = feeds.buryStrays(this.feed, items, this.now);
    this.#write(epoch);
    this.#save(
      { feed, statuses },
      this.#place(
        items.map(({ id }) => id),
        statuses,
      ),
    );
    return { ok: true };
  }

  claim(
    credential: string,
    { epoch, max, waitMs }: ClaimRequest,
  ): Promise<Answer<{ ok: true; tasks: BuildTask[] }>> {
    return this.#waitFor(waitMs, (isLast) => {
      const denied = this.#deny(credential, epoch);
      if (denied) return denied;
      const holder = this.lease.held?.report.holder ?? "";
      const { tasks, told, claimed } = work.claim(this.tasks, { holder, max, name: this.name }, this.now);
      if (claimed.length > 0) {
        this.#write(epoch);
        this.#save({ tasks }, tell(told));
      }
      return isLast || claimed.length > 0 ? { ok: true as const, tasks: claimed } : null;
    });
  }

  heartbeat(
    credential: string,
    id: string,
    { epoch, attempt }: HeartbeatRequest,
  ): Answer<{ ok: true; isOver: boolean }> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const { tasks, isOver } = work.heartbeat(this.tasks, id, attempt, this.now);
    if (!isOver) this.#write(epoch);
    this.#save({ tasks }, []);
    return { ok: true, isOver };
  }

  complete(
    credential: string,
    id: string,
    { epoch, attempt, result }: HeartbeatRequest & { result: work.Result },
  ): Answer<{ ok: true; isAccepted: boolean }> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const next = this.world.rules.completeTask(this.tasks, { id, attempt, result }, this.now);
    if (next.told.length > 0) {
      this.#write(epoch);
      this.world.monitor.completed(this.name, id, attempt);
    }
    this.#save({ tasks: next.tasks }, tell(next.told));
    return { ok: true, isAccepted: next.isAccepted };
  }

  workload(credential: string, id: string): Answer<{ ok: true; item: Desired | null }> {
    return this.#isKnown(credential) ? { ok: true, item: this.feed.items.get(id) ?? null } : unauthenticated;
  }

  mayWrite(
    credential: string,
    epoch: number,
    deployments: readonly string[],
  ): Answer<{ ok: true; holder: string; allowed: string[] }> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const { items, tombstones } = this.feed;
    const known = new Set([
      ...[...items.keys(), ...tombstones.keys()].map((id) => id.slice(0, id.indexOf("."))),
      ...Object.values(this.tasks).map(work.deploymentOf),
    ]);
    this.#write(epoch);
    const holder = this.lease.held?.report.holder ?? "";
    return { ok: true, holder, allowed: deployments.filter((id) => known.has(id)) };
  }

  protected dueAt(): number | null {
    const { held } = this.lease;
    const due = [work.dueAt(this.tasks), held && work.hasQueued(this.tasks) ? held.expiresAt : null].filter(
      (at) => at !== null,
    );
    return due.length === 0 ? null : Math.min(...due);
  }

  protected tick(): void {
    const lapsed = work.tick(this.tasks, this.now);
    const tasks = isHeld(this.lease, this.now) ? lapsed.tasks : work.giveUpQueued(lapsed.tasks);
    this.#save({ tasks }, tell(lapsed.told));
  }

  protected async perform(effect: Effect): Promise<void> {
    switch (effect.kind) {
      case "copy":
        this.world.kv.put(`region:${this.name}`, this.shown);
        return;
      case "tell": {
        const deployment = this.world.deployment(effect.deployment);
        const { input } = effect;
        const said = input.type === "placed" ? input : { ...input, region: this.name };
        const sent = await this.ask(deployment, () => deployment.send(said));
        if (input.type !== "build-claimed" || sent.ok || sent.reason !== "not-holder") return;
        const id = work.taskOf(effect.deployment);
        this.#save({ tasks: work.withdraw(this.tasks, id, input.attempt, this.now) }, []);
      }
    }
  }

  #isDraining(lease: Lease): boolean {
    return this.isDrained || isLeaving(lease);
  }

  #isKnown(credential: string): boolean {
    const next = secrets.use(this.credentials, credential, this.now);
    if (next) this.credentials = next;
    return next !== null;
  }

  #deny(credential: string, epoch: number): Denied | null {
    if (!this.#isKnown(credential)) return unauthenticated;
    if (isCurrent(this.lease, epoch, this.now)) return null;
    return { ok: false, reason: "fenced", epoch: this.lease.epoch };
  }

  /** Something that an agent asked for takes effect. */
  #write(epoch: number): void {
    this.world.monitor.written(this.name, epoch, this.now);
  }

  #place(said: readonly string[], statuses: Statuses): Effect[] {
    const now = this.now + (this.lease.held?.skewMs ?? 0);
    const deployments = new Set(said.flatMap((id) => this.feed.items.get(id)?.deployment ?? []));
    const effects: Effect[] = [];
    for (const deployment of deployments) {
      const own = [...this.feed.items.values()].filter((item) => item.deployment === deployment);
      const input = placed(this.name, statusesOf(own, statuses, false), now);
      if (input?.type !== "placed") continue;
      const generation = Math.max(...own.map((item) => item.generation));
      const told = this.#placed.get(deployment);
      if (told?.generation === generation && (told.ok || told.ok === input.ok)) continue;
      this.#placed.set(deployment, { generation, ok: input.ok });
      effects.push({ kind: "tell", deployment, input });
    }
    return effects;
  }

  #save(
    changed: Partial<Pick<Region, "lease" | "feed" | "tasks" | "statuses">>,
    effects: readonly Effect[],
    ingress: string | null = null,
  ): void {
    const before = this.feed.cursor;
    Object.assign(this, changed);
    for (const change of this.feed.changes)
      if (change.cursor > before && change.type === "tombstone")
        this.world.monitor.buried(this.name, change.id, change.cursor);
    const isDraining = this.isDrained || isIngressLeaving(this.lease);
    const next = { ingress: ingress ?? this.shown.ingress, isDraining };
    const isSame = next.ingress === this.shown.ingress && isDraining === this.shown.isDraining;
    if (!isSame) this.shown = { version: this.shown.version + 1, ...next };
    this.commit([...(isSame ? [] : [{ kind: "copy" as const }]), ...effects]);
    for (const waiter of [...this.#waiters]) queueMicrotask(() => waiter.look(false));
  }

  #waitFor<T>(waitMs: number, look: (isLast: boolean) => T | null): Promise<T> {
    const first = look(waitMs <= 0);
    if (first !== null) return Promise.resolve(first);
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(waiter);
        cancel();
      };
      const waiter: Waiter = {
        look: (isLast) => {
          if (!this.#waiters.has(waiter)) return;
          const found = look(isLast);
          if (found === null) return;
          end();
          resolve(found);
        },
        fail: () => {
          end();
          reject(new Error("the object has ended"));
        },
      };
      const cancel = this.world.timeline.after(Math.min(waitMs, MAX_WAIT_MS), () => waiter.look(true));
      this.#waiters.add(waiter);
    });
  }
}

const digestOf = ({ items }: feeds.Feed): string =>
  createHash("sha256").update(digestText(items.values())).digest("hex");
