/** Custody of one deployment. The rules are in features/deployments/machine.ts. */
import type { Millis } from "#core/time.ts";
import { create, dueAt, isFinished, isLastLook, step } from "#features/deployments/machine.ts";
import type { Placing } from "#features/deployments/placing.ts";
import type { DeploymentRpc, RegionAnswer, Sent } from "#features/deployments/rpc.ts";
import { deploymentKey, type Running, type ServedDeployment } from "#features/deployments/served.ts";
import type {
  Deployment,
  Event,
  Input,
  Effect as MachineEffect,
  Spec,
  Step,
} from "#features/deployments/state.ts";
import { type By, pointerName } from "#features/pointers/rpc.ts";
import { Custody } from "./custody.ts";
import * as regions from "./deployment-regions.ts";

/** `project`: tell D1 and the log of a change of state. */
type Effect = MachineEffect | { kind: "project"; event: Event };

export class DeploymentObject extends Custody<Effect> implements DeploymentRpc {
  async start(spec: Spec): Promise<Deployment> {
    const held = this.#read();
    if (held) return held;
    const first = create(spec, this.clock.now());
    if (!first.ok) throw new Error("a deployment can always begin");
    this.#save(first, [], null);
    return first.state;
  }

  async send(input: Input, by: By | null): Promise<Sent> {
    const state = this.#read();
    if (!state) return { ok: false, reason: "unknown" };
    const next = step(state, input, this.clock.now());
    if (!next.ok) return next;
    this.#save(next, this.#events(), by);
    return { ok: true, state: next.state };
  }

  async read(): Promise<{ state: Deployment; events: Event[] } | null> {
    const state = this.#read();
    return state && { state, events: this.#events() };
  }

  override async wake(): Promise<void> {
    await this.alarm();
  }

  async regions(): Promise<RegionAnswer[]> {
    const state = this.#read();
    return state && hasWorkloads(state) ? regions.ask(this.env, state.spec) : [];
  }

  /** What was still owed to regions goes with the rest, so it is done before. */
  async remove(): Promise<void> {
    const state = this.#read();
    if (state?.spec.source) await regions.withdrawBuild(this.env, state.spec);
    if (state && (hasWorkloads(state) || state.status === "error" || state.status === "canceled"))
      await regions.forget(this.env, state.spec);
    await this.clear();
  }

  protected dueAt(): Millis | null {
    const state = this.#read();
    return state && dueAt(state);
  }

  protected async tick(): Promise<void> {
    const held = this.#read();
    const asked = held && isLastLook(held, this.clock.now()) ? await regions.ask(this.env, held.spec) : [];
    const said = Object.fromEntries(asked.map(({ id, detail }) => [id, detail]));
    const state = this.#read();
    const next = state && step(state, { type: "tick", said }, this.clock.now());
    if (next?.ok) this.#save(next, this.#events(), null);
  }

  protected async perform(effect: Effect): Promise<void> {
    const state = this.#read();
    if (!state) return;
    const { spec } = state;
    switch (effect.kind) {
      case "request-slot": {
        const { id, project, target, branch, createdAt } = spec;
        const production = target === "production";
        return this.#slots(spec).request({ deployment: id, project, production, branch, createdAt });
      }
      case "release-slot":
        return this.#slots(spec).release(spec.id);
      case "queue-build":
        return this.#offer(effect.attempt);
      case "withdraw":
        return regions.withdrawBuild(this.env, spec);
      case "note-output":
        await this.env.DB.prepare(
          "update deployments set manifest = ?2, bytes = ?3, file_count = ?4 where id = ?1",
        )
          .bind(spec.id, effect.manifest, effect.bytes, effect.fileCount)
          .run();
        return;
      case "place":
        // Given up meanwhile: what is owed to regions then comes behind this.
        if (state.status === "releasing") await this.#place(spec, effect);
        return;
      case "forget":
        return regions.forget(this.env, spec);
      case "dispatch":
        await this.env.TASKS.send({ type: "compile", deployment: spec.id, attempt: effect.attempt });
        return;
      case "publish":
        return this.#publish(spec);
      case "finish-log":
        return this.#log(spec).finish(spec.id, state.status === "ready" && state.hasFunctions);
      case "project":
        return this.#project(spec, effect.event);
    }
  }

  /** What was owed before functions had regions of their own names none. */
  async #place(spec: Spec, { workloads, pinned = {} }: Extract<Effect, { kind: "place" }>): Promise<void> {
    for (const { region, presence } of await regions.place(this.env, spec, workloads, pinned))
      if (presence !== "live")
        await this.send({ type: "unheard", region, isGone: presence === "gone" }, null);
  }

  async #offer(attempt: number): Promise<void> {
    const state = this.#read();
    if (state?.status !== "building" || state.attempt !== attempt || state.offerAt === null) return;
    const { spec, lost, region: held } = state;
    if (!spec.source) throw new Error("only what has a source is built");
    const builders = await regions.buildersOf(this.env, spec);
    if (builders.length === 0) {
      const shared = await regions.sharedWith(this.env);
      return void (await this.send({ type: "unbuildable", attempt, shared }, null));
    }
    const found = await regions.offerBuild(this.env, spec, spec.source, builders, { attempt, held, lost });
    if (found) await this.send({ type: "offered", attempt, ...found }, null);
  }

  /** The edge's copy first, then the pointers: a host never points at what can't be served. */
  async #publish(spec: Spec): Promise<void> {
    const state = this.#read();
    if (state?.status !== "releasing" || state.placing) return;
    const { id, team, project, createdAt, env, hostname, target, branch } = spec;
    const pinned = Object.keys(state.pinned).length > 0 ? { pinned: state.pinned } : {};
    const failover = Object.keys(state.failover).length > 0 ? { failover: state.failover } : {};
    const where: Running =
      Object.keys(state.workloads).length > 0 ? { regions: spec.regions, ...pinned, ...failover } : {};
    // KV may be late: the router then looks here.
    await this.env.DB.prepare("update deployments set running = ?2 where id = ?1")
      .bind(id, JSON.stringify(where))
      .run();
    const about = { env, hostname, target, branch, ...where };
    const served: ServedDeployment = { v: 1, id, site: state.site, team, project, createdAt, ...about };
    await this.env.SNAPSHOTS.put(deploymentKey(id), JSON.stringify(served));
    const going = await this.send({ type: "assigning" }, null);
    if (!going.ok && going.reason !== "nothing")
      return void (await this.env.SNAPSHOTS.delete(deploymentKey(id)));
    const release = { deployment: id, site: state.site, createdAt };
    for (const pointed of spec.pointerTargets) {
      const pointer = this.env.POINTERS.get(this.env.POINTERS.idFromName(pointerName(project, pointed)));
      const isShared = pointed === "production";
      const percent = (isShared ? spec.percent : null) ?? undefined;
      const plan = (isShared ? spec.rolling : null) ?? undefined;
      await pointer.send(
        { team, project, target: pointed },
        { type: "assign", release, percent, plan },
        null,
      );
    }
    await this.send({ type: "released" }, null);
  }

  async #project(spec: Spec, event: Event): Promise<void> {
    const state = this.#read();
    if (!state) return;
    // A later event has a projection of its own, which writes all that this one would.
    if (event.seq === state.seq) await this.#copyState(spec.id, state, event.at);
    const failure = state.status === "error" || state.status === "canceled" ? state.failure : null;
    const why = event.to === "error" || event.to === "canceled" ? failure : null;
    const text = why
      ? `${event.to}: ${why.detail}${why.detail.includes("\n") ? "\n" : " "}${why.fix}`
      : `${event.to} (${event.cause})`;
    const level = event.to === "error" ? "error" : "info";
    await this.#log(spec).append([{ stream: "state", n: event.seq, at: event.at, level, text }]);
  }

  /** Guarded by `seq`, so that a late projection can't overwrite a newer one. */
  async #copyState(id: string, state: Deployment, updatedAt: Millis): Promise<void> {
    const failure = state.status === "error" || state.status === "canceled" ? state.failure : null;
    const site = state.status === "ready" || state.status === "releasing" ? state.site : null;
    await this.env.DB.prepare(
      `update deployments set status = ?2, state_seq = ?3, site = ?4, error_code = ?5, error_detail = ?6, error_fix = ?7,
         ready_at = ?8, updated_at = ?9 where id = ?1 and state_seq < ?3`,
    )
      .bind(
        id,
        state.status,
        state.seq,
        site,
        failure?.code ?? null,
        failure?.detail ?? null,
        failure?.fix ?? null,
        state.status === "ready" ? state.readyAt : null,
        updatedAt,
      )
      .run();
  }

  #read(): Deployment | null {
    const held = this.readFact<Deployment>("deployment");
    return held && completed(held);
  }

  #events(): Event[] {
    return this.readFact<Event[]>("events") ?? [];
  }

  /** What readers see is written before the slot and the log are let go. */
  #save(next: Extract<Step, { ok: true }>, events: Event[], by: By | null): void {
    const { state, event, effects } = next;
    const projection: Effect[] = event ? [{ kind: "project", event }] : [];
    const owed: Effect[] = isFinished(state.status)
      ? [...projection, ...effects]
      : [...effects, ...projection];
    this.commit(
      { deployment: state, events: event ? [...events, event] : events },
      owed,
      state.spec.team,
      by,
    );
  }

  #slots(spec: Spec) {
    return this.env.SLOTS.get(this.env.SLOTS.idFromName(spec.team));
  }

  #log(spec: Spec) {
    return this.env.LOGS.get(this.env.LOGS.idFromName(spec.id));
  }
}

/** What was stored before there were regions, or rolling releases, or an order of failover, lacks what came with them. */
function completed(held: Deployment): Deployment {
  const state = { ...held, spec: { ...BEFORE, ...held.spec } };
  switch (state.status) {
    case "compiling":
      return { ...state, manifest: state.manifest ?? state.spec.manifest };
    case "releasing":
      return {
        ...state,
        workloads: state.workloads ?? {},
        pinned: state.pinned ?? {},
        failover: state.failover ?? {},
        placing: placingOf(state.placing ?? null),
      };
    case "ready":
      return {
        ...state,
        workloads: state.workloads ?? {},
        pinned: state.pinned ?? {},
        failover: state.failover ?? {},
      };
    case "building":
      return {
        ...state,
        isWaiting: state.isWaiting ?? false,
        // Once a region had taken it, it was not looked after any more.
        offerAt: state.claimed ? null : (state.offerAt ?? 0),
      };
    case "queued":
    case "error":
    case "canceled":
      return state;
  }
}

const placingOf = (held: Placing | null): Placing | null =>
  held && { ...held, silent: held.silent ?? [], sets: held.sets ?? [held.regions] };

const BEFORE = { source: null, regions: [], failover: [], policy: "any", names: {}, rolling: null } as const;

const hasWorkloads = (state: Deployment): boolean =>
  (state.status === "releasing" || state.status === "ready") && Object.keys(state.workloads).length > 0;
