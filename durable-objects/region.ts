/** One region. The rules are in features/regions/{lease,feed,tasks,statuses,credentials}.ts. */
import {
  type BuildTask,
  type ClaimRequest,
  type Desired,
  type HeartbeatRequest,
  LEASE_TTL_MS,
  type LeaseRequest,
  RENEW_MS,
  type StatusReport,
  type WorkloadStatus,
} from "@cloudify/protocol";
import type { Millis } from "#core/time.ts";
import type { By } from "#features/pointers/rpc.ts";
import type { About, Denied, RegionControl, RegionView } from "#features/regions/control.ts";
import * as secrets from "#features/regions/credentials.ts";
import type { Feed } from "#features/regions/feed.ts";
import * as feeds from "#features/regions/feed.ts";
import { follow, handOver } from "#features/regions/ingress-key.ts";
import { endLease, isCurrent, isHeard, isHeld, takeLease } from "#features/regions/lease.ts";
import { type Refusals, refuse } from "#features/regions/refusals.ts";
import type { Offered, Presence, Room, Wanted } from "#features/regions/rpc.ts";
import { placed, report, type Statuses, statusesOf } from "#features/regions/statuses.ts";
import * as work from "#features/regions/tasks.ts";
import {
  type Effect,
  type Facts,
  type Placed,
  placedName,
  type Region,
  RegionCustody,
  tell,
} from "./region-custody.ts";

const unauthenticated: Denied = { ok: false, reason: "unauthenticated" };

export class RegionObject extends RegionCustody implements RegionControl {
  async configure(about: About, ingressKey: string, token: string | null): Promise<void> {
    this.make();
    const held = this.readFact<Region>("region");
    if (held && held.removedAt !== null) return;
    // Two changes at once may overtake each other. Before there were versions a region had none.
    if (about.settingsVersion < (held?.settingsVersion ?? 0)) return;
    const fresh = { ingressKey, isDraining: false, removedAt: null };
    const facts = held || token === null ? {} : { credentials: secrets.renewToken(token) };
    this.save({ region: { ...fresh, ...held, ...about } }, facts, [], null);
  }

  async reseal(before: string, ingressKey: string): Promise<void> {
    const region = this.region();
    if (region?.ingressKey === before) this.save({ region: { ...region, ingressKey } }, {}, [], null);
  }

  async renewToken(token: string, ingressKey: string, by: By): Promise<void> {
    const region = this.region();
    if (region)
      this.#end({ region: { ...region, ...follow(region, ingressKey) } }, secrets.renewToken(token), by);
  }

  async setDraining(isDraining: boolean, by: By): Promise<void> {
    const region = this.region();
    if (!region) return;
    const held = this.tasks();
    const tasks = isDraining ? work.giveUpQueued(held) : held;
    this.save({ region: { ...region, isDraining }, tasks }, {}, [], by);
  }

  async remove(): Promise<void> {
    const region = this.region();
    if (!region) return;
    const now = this.clock.now();
    const feed = feeds.forgetAll(this.feed(), now);
    this.#end({ region: { ...region, removedAt: now }, feed }, secrets.noCredentials, null);
  }

  async inspect(): Promise<RegionView | null> {
    const region = this.region();
    if (!region) return null;
    const lease = this.lease();
    const { cursor, items } = this.feed();
    const { token, spentBy } = this.credentials();
    return {
      lease,
      isLive: isHeard(lease, this.clock.now()),
      isDraining: this.isDraining(region, lease),
      ingress: this.shown().ingress,
      cursor,
      items: [...items.values()],
      statuses: this.#statusesOf([...items.values()]),
      tasks: Object.entries(this.tasks()).flatMap(([id, entry]) =>
        entry.state === "over"
          ? []
          : [{ id, state: entry.state, attempt: entry.task.attempt, deployment: entry.task.deployment }],
      ),
      token: token === null ? null : { isSpent: spentBy !== null, by: spentBy },
    };
  }

  async desire(wanted: readonly Wanted[]): Promise<Presence> {
    if (!this.region()) return "gone";
    const held = this.feed();
    const feed = feeds.desire(held, wanted);
    if (feed !== held) this.save({ feed }, {}, [], null);
    return isHeld(this.lease(), this.clock.now()) ? "live" : "silent";
  }

  async forget(deployment: string): Promise<void> {
    if (!this.region()) return;
    const held = this.feed();
    const feed = feeds.forget(held, deployment, this.clock.now());
    if (feed !== held) this.save({ feed }, { [placedName(deployment)]: null }, [], null);
  }

  async statusOf(deployment: string): Promise<WorkloadStatus[]> {
    return this.#statusesOf(this.#itemsOf(deployment));
  }

  async room(task: string): Promise<Room> {
    return this.#room(task);
  }

  async offer(task: BuildTask, ifFree: boolean): Promise<Offered> {
    const room = this.#room(task.id);
    if (!room.ok) return room;
    if (ifFree && room.free <= 0) return { ok: false, reason: "busy" };
    this.#changeTasks((tasks) => work.offer(tasks, task));
    return { ok: true };
  }

  async takeBack(task: string, attempt: number): Promise<boolean> {
    const { tasks, isFree } = work.takeBack(this.tasks(), task, attempt);
    this.#changeTasks(() => tasks);
    return isFree;
  }

  async withdraw(task: string): Promise<void> {
    if (this.region()) this.#changeTasks((tasks) => work.withdraw(tasks, task, null, this.clock.now()));
  }

  async exchange(
    { token, holder, credential }: { token: string; holder: string; credential: string },
    requestId: string,
  ): ReturnType<RegionControl["exchange"]> {
    const region = this.region();
    if (!region) return { ok: false, reason: "unauthenticated" };
    const next = secrets.exchange(this.credentials(), { token, holder, credential }, this.clock.now());
    if (next.ok) {
      const by = byAgent(region, requestId, "region.exchange", { holder });
      this.save({}, { credentials: next.credentials }, [], by);
      return { ok: true, name: region.name };
    }
    if (next.reason === "unknown") return { ok: false, reason: "unauthenticated" };
    // Whoever comes second may be the owner, and the first a thief: the trail says that there were two.
    const held = this.readFact<Refusals>("refusals") ?? {};
    const { refusals, told } = refuse(held, holder, this.clock.now());
    const by = told && byAgent(region, requestId, "region.exchange-refused", { ...told });
    this.save({}, { refusals }, [], by);
    return { ok: false, reason: "spent" };
  }

  async renewLease(
    credential: string,
    request: LeaseRequest,
    next: string,
    requestId: string,
  ): ReturnType<RegionControl["renewLease"]> {
    const region = this.#known(credential);
    if (!region) return unauthenticated;
    const now = this.clock.now();
    const step = takeLease(this.lease(), request, now);
    if (!step.ok) return step;
    const { lease, held } = step;
    const isNew = request.epoch === null;
    const taken = isNew
      ? work.takeOver(this.tasks(), request.holder, now)
      : { tasks: this.tasks(), told: [] };
    const tasks = this.isDraining(region, lease) ? work.giveUpQueued(taken.tasks) : taken.tasks;
    const credentials = this.credentials();
    const isOffered = secrets.isDue(credentials, now);
    const feed = feeds.compact(this.feed(), request.applied.cursor, now);
    const { epoch } = lease;
    const { holder, bootId, ingress } = request;
    const keys = handOver(region, now);
    const handed = keys === region ? {} : { region: { ...region, ...keys } };
    this.save(
      { lease, ingress, feed, ...handed, ...(tasks === this.tasks() ? {} : { tasks }) },
      isOffered ? { credentials: secrets.offerNext(credentials, next) } : {},
      tell(taken.told),
      isNew ? byAgent(region, requestId, "region.lease", { epoch, holder, bootId }) : null,
    );
    const answer = {
      epoch,
      protocol: held.protocol,
      ttlMs: LEASE_TTL_MS,
      renewMs: RENEW_MS,
      now,
      isDraining: region.isDraining,
      feed: { cursor: feed.cursor, digest: await this.digestOf(feed) },
    };
    return { ok: true, answer, isOffered, ingressKey: region.ingressKey };
  }

  async readFeed(
    credential: string,
    { epoch, after, waitMs }: { epoch: number; after: number; waitMs: Millis },
  ): ReturnType<RegionControl["readFeed"]> {
    const found = await this.waitFor(waitMs, (isLast) => {
      const denied = this.#deny(credential, epoch);
      if (denied) return denied;
      const feed = this.feed();
      return isLast || after !== feed.cursor ? { ok: true as const, feed } : null;
    });
    if (!found.ok) return found;
    const digest = await this.digestOf(found.feed);
    return { ok: true, answer: { ...feeds.since(found.feed, after), digest } };
  }

  async report(
    credential: string,
    { epoch, isFull, items }: StatusReport,
  ): ReturnType<RegionControl["report"]> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const statuses = report(this.statuses(), { isFull, items });
    const feed = feeds.buryStrays(this.feed(), items, this.clock.now());
    const { facts, effects } = this.#place(items, statuses);
    this.save({ feed, statuses }, facts, effects, null);
    return { ok: true };
  }

  async claim(credential: string, { epoch, max, waitMs }: ClaimRequest): ReturnType<RegionControl["claim"]> {
    return this.waitFor(waitMs, (isLast) => {
      const denied = this.#deny(credential, epoch);
      if (denied) return denied;
      const holder = this.lease().held?.report.holder ?? "";
      const name = this.region()?.name ?? "";
      const { tasks, told, claimed } = work.claim(this.tasks(), { holder, max, name }, this.clock.now());
      if (claimed.length > 0) this.save({ tasks }, {}, tell(told), null);
      return isLast || claimed.length > 0 ? { ok: true as const, tasks: claimed } : null;
    });
  }

  async heartbeat(
    credential: string,
    id: string,
    { epoch, attempt }: HeartbeatRequest,
  ): ReturnType<RegionControl["heartbeat"]> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const { tasks, isOver } = work.heartbeat(this.tasks(), id, attempt, this.clock.now());
    if (!isOver) this.save({ tasks }, {}, [], null);
    return { ok: true, isOver };
  }

  async task(
    credential: string,
    id: string,
    { epoch, attempt }: HeartbeatRequest,
  ): ReturnType<RegionControl["task"]> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const task = work.heldTask(this.tasks(), id, attempt);
    if (task) return { ok: true, task };
    const entry = this.tasks()[id];
    const isAccepted = entry?.state === "over" && entry.attempt === attempt && entry.isAccepted;
    return { ok: false, reason: "over", isAccepted };
  }

  async complete(
    credential: string,
    id: string,
    { epoch, attempt, result }: HeartbeatRequest & { result: work.Result },
  ): ReturnType<RegionControl["complete"]> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const { tasks, told, isAccepted } = work.complete(
      this.tasks(),
      { id, attempt, result },
      this.clock.now(),
    );
    if (told.length > 0) this.save({ tasks }, {}, tell(told), null);
    return { ok: true, isAccepted };
  }

  async workload(credential: string, id: string): ReturnType<RegionControl["workload"]> {
    if (!this.#known(credential)) return unauthenticated;
    return { ok: true, item: this.feed().items.get(id) ?? null };
  }

  async mayRead(credential: string, team: string): ReturnType<RegionControl["mayRead"]> {
    if (!this.#known(credential)) return unauthenticated;
    const isRun = [...this.feed().items.values()].some((item) => item.team === team);
    const isBuilt = Object.values(this.tasks()).some(
      (entry) => entry.state === "claimed" && entry.task.team === team,
    );
    return { ok: true, isAllowed: isRun || isBuilt };
  }

  async mayWrite(
    credential: string,
    { epoch, deployments }: { epoch: number; deployments: string[] },
  ): ReturnType<RegionControl["mayWrite"]> {
    const denied = this.#deny(credential, epoch);
    if (denied) return denied;
    const { items, tombstones } = this.feed();
    // The last lines of a workload, and of a build, come after its end.
    const known = new Set([
      ...[...items.keys(), ...tombstones.keys()].map((id) => id.slice(0, id.indexOf("."))),
      ...Object.values(this.tasks()).map(work.deploymentOf),
    ]);
    const { held } = this.lease();
    const allowed = deployments.filter((id) => known.has(id));
    return { ok: true, holder: held?.report.holder ?? "", skewMs: held?.skewMs ?? 0, allowed };
  }

  /** The first use of a successor ends the credential before it. */
  #known(credential: string): Region | null {
    const region = this.region();
    const held = this.credentials();
    const next = region && secrets.use(held, credential, this.clock.now());
    if (next && next !== held) this.save({}, { credentials: next }, [], null);
    return next ? region : null;
  }

  /** Why a call with an epoch is not heard; `null`: it is. */
  #deny(credential: string, epoch: number): Denied | null {
    if (!this.#known(credential)) return unauthenticated;
    const lease = this.lease();
    if (isCurrent(lease, epoch, this.clock.now())) return null;
    return { ok: false, reason: "fenced", epoch: lease.epoch };
  }

  #room(task: string): Room {
    const region = this.region();
    const lease = this.lease();
    if (!region || !lease.held || !isHeld(lease, this.clock.now())) return { ok: false, reason: "no-agent" };
    if (this.isDraining(region, lease)) return { ok: false, reason: "draining" };
    const { capabilities, capacity } = lease.held.report;
    if (!capabilities.includes("build") || capacity.builds < 1) return { ok: false, reason: "incapable" };
    return { ok: true, free: work.roomFor(this.tasks(), task, capacity.builds) };
  }

  /** Whoever acted for it does so no more. */
  #end(changed: { region: Region; feed?: Feed }, credentials: secrets.Credentials, by: By | null): void {
    const now = this.clock.now();
    const { tasks, told } = work.giveUpAll(this.tasks(), now);
    this.save({ ...changed, lease: endLease(this.lease(), now), tasks }, { credentials }, tell(told), by);
  }

  /** Nothing is written when nothing changes. */
  #changeTasks(change: (tasks: work.Tasks) => work.Tasks): void {
    const held = this.tasks();
    const tasks = change(held);
    if (tasks !== held) this.save({ tasks }, {}, [], null);
  }

  /** Tells each deployment once, for a generation of its workloads, that they are ready; or that they can't be. */
  #place(said: readonly WorkloadStatus[], statuses: Statuses): { facts: Facts; effects: Effect[] } {
    const region = this.region()?.id ?? "";
    const now = this.clock.now() + (this.lease().held?.skewMs ?? 0);
    const { items } = this.feed();
    const deployments = new Set(said.flatMap(({ id }) => items.get(id)?.deployment ?? []));
    const facts: Facts = {};
    const effects: Effect[] = [];
    for (const deployment of deployments) {
      const own = this.#itemsOf(deployment);
      const input = placed(region, statusesOf(own, statuses, false), now);
      if (input?.type !== "placed") continue;
      const generation = Math.max(...own.map((item) => item.generation));
      const told = this.placed(deployment);
      if (told?.generation === generation && (told.ok || told.ok === input.ok)) continue;
      facts[placedName(deployment)] = { generation, ok: input.ok } satisfies Placed;
      effects.push({ kind: "tell", deployment, input });
    }
    return { facts, effects };
  }

  #itemsOf(deployment: string): Desired[] {
    return [...this.feed().items.values()].filter((item) => item.deployment === deployment);
  }

  #statusesOf(items: readonly Desired[]): WorkloadStatus[] {
    return statusesOf(items, this.statuses(), !isHeld(this.lease(), this.clock.now()));
  }
}

const byAgent = (region: Region, requestId: string, action: string, detail: Facts): By => ({
  actor: { type: "agent", id: region.id },
  requestId,
  audit: { action, target: region.id, detail },
});
