/** Custody of one pointer. The rules are in features/pointers/machine.ts; a rollout is watched by guard.ts beside it. */
import { newId } from "#core/ids.ts";
import { type Millis, SECOND } from "#core/time.ts";
import { type Figures, judge, windowOf } from "#features/pointers/guard.ts";
import {
  dueAt,
  emptyPointer,
  type Pointer,
  type PointerEvent,
  type PointerStep,
  step,
} from "#features/pointers/machine.ts";
import { type By, type PointerRpc, pointerKey, type Watched } from "#features/pointers/rpc.ts";
import { type Ended, storyOf, type Told, type Why } from "#features/pointers/story.ts";
import { Custody } from "./custody.ts";

/** How often a guarded rollout is looked at. */
const LOOK_MS = 10 * SECOND;

interface Of {
  team: string;
  project: string;
  target: string;
}
/** `copy`: those that readers use when this object can't be asked. `tell`: a line of a deployment's log. */
type Effect = { kind: "copy" } | { kind: "tell"; line: Told; n: number; at: Millis };

export class PointerObject extends Custody<Effect> implements PointerRpc {
  /** When the figures were last read; woken anew, it looks at once. */
  #lookedAt: Millis = 0;

  async read(): Promise<Pointer | null> {
    return this.readFact<Pointer>("pointer");
  }

  async watch(): Promise<Watched | null> {
    const pointer = this.readFact<Pointer>("pointer");
    const of = this.readFact<Of>("of");
    if (!pointer || !of) return null;
    const figures = await this.#figures(pointer, of);
    const guard = pointer.canary?.rolling?.guard;
    const verdict = figures && guard ? judge(guard, figures) : null;
    return { pointer, figures, verdict, last: this.readFact<Ended>("ended") };
  }

  async send(of: Of, event: PointerEvent, by: By | null): Promise<PointerStep> {
    if (!by) return this.#step(of, event, null, { by: "release" });
    const isOfRollout = event.type === "advance" || event.type === "abort";
    const pointer = isOfRollout ? this.readFact<Pointer>("pointer") : null;
    const detail = pointer ? { detail: { ...by.audit.detail, ...aboutRollout(pointer) } } : {};
    const why: Why = { by: "caller", actor: by.actor.id };
    return this.#step(of, event, { ...by, audit: { ...by.audit, ...detail } }, why);
  }

  async remove(): Promise<void> {
    await this.clear();
  }

  /** A stage is over, or a guarded rollout is to be looked at; what was looked at in vain has to wait for the next look. */
  protected dueAt(): Millis | null {
    const pointer = this.readFact<Pointer>("pointer");
    const rolling = pointer?.canary?.rolling;
    if (!rolling) return null;
    const due = dueAt(pointer);
    if (!rolling.guard) return due;
    const look = Math.max(this.#lookedAt, rolling.since) + LOOK_MS;
    return due === null || due <= this.#lookedAt ? look : Math.min(due, look);
  }

  /** Looks before it goes on; as long as nobody can tell how the release does, it does not. */
  protected async tick(): Promise<void> {
    const pointer = this.readFact<Pointer>("pointer");
    const of = this.readFact<Of>("of");
    const rolling = pointer?.canary?.rolling;
    if (!pointer || !of || !rolling) return;
    const { guard } = rolling;
    if (guard) {
      const figures = await this.#figures(pointer, of);
      this.#lookedAt = this.clock.now();
      if (!figures) return;
      if (judge(guard, figures) === "worse") {
        // What was changed meanwhile is looked at by itself.
        const event = { type: "abort" as const, ifEpoch: pointer.epoch };
        const by = this.#byItself("deployment.rollout-abort", pointer, { guard, ...figures });
        this.#step(of, event, by, { by: "guard", figures });
        return;
      }
    }
    const due = dueAt(pointer);
    if (due === null || due > this.clock.now()) return;
    const by = this.#byItself("deployment.rollout-advance", pointer, {});
    this.#step(of, { type: "advance", ifEpoch: pointer.epoch }, by, { by: "time" });
  }

  #step(of: Of, event: PointerEvent, by: By | null, why: Why): PointerStep {
    const now = this.clock.now();
    const state = this.readFact<Pointer>("pointer") ?? emptyPointer(of.team, now);
    const next = step(state, event, now);
    if (!next.ok) return next;
    const { lines, ended } = storyOf(state, next.state, why, now);
    // Its log goes with it.
    const gone = event.type === "forget" ? event.deployment : null;
    const told: Effect[] = lines
      .filter((line) => line.deployment !== gone)
      .map((line) => ({ kind: "tell", line, n: next.state.epoch, at: now }));
    // Somebody asked: that is in the trail, even when it was so already.
    const effects: Effect[] = next.changed ? [{ kind: "copy" }, ...told] : [];
    const facts = { pointer: next.state, of, ...(ended ? { ended } : {}) };
    if (next.changed || by) this.commit(facts, effects, of.team, by);
    return next;
  }

  /** The entry of what nobody asked for. */
  #byItself(action: string, pointer: Pointer, detail: Record<string, unknown>): By {
    const { deployment, ...about } = aboutRollout(pointer);
    return {
      actor: { type: "system", id: "rolling-release" },
      requestId: newId("request", this.clock.now(), this.random),
      audit: { action, target: deployment, detail: { ...about, ...detail } },
    };
  }

  /** What routers saw of both. `null`: there is one release only, or what counts does not answer. */
  async #figures({ live, canary }: Pointer, { project }: Of): Promise<Figures | null> {
    if (!live || !canary) return null;
    const { from, to } = windowOf(canary, this.clock.now());
    try {
      const traffic = this.env.TRAFFIC.get(this.env.TRAFFIC.idFromName(project));
      const counts = await traffic.count([live.deployment, canary.release.deployment], from);
      const none = { requests: 0, errors: 0 };
      return { from, to, live: counts[0] ?? none, canary: counts[1] ?? none };
    } catch (error) {
      console.warn(JSON.stringify({ level: "warn", at: "figures", project, error: String(error) }));
      return null;
    }
  }

  protected async perform(effect: Effect): Promise<void> {
    switch (effect.kind) {
      case "copy":
        return this.#copy();
      case "tell": {
        const { line, n, at } = effect;
        const log = this.env.LOGS.get(this.env.LOGS.idFromName(line.deployment));
        const { level, text, deployment } = line;
        return log.note(deployment, { stream: "state", writer: "rollout", n, at, level, text });
      }
    }
  }

  async #copy(): Promise<void> {
    const pointer = this.readFact<Pointer>("pointer");
    const of = this.readFact<Of>("of");
    if (!pointer || !of) return;
    await this.env.SNAPSHOTS.put(pointerKey(of.project, of.target), JSON.stringify(pointer));
    await this.env.DB.prepare(
      `insert into pointers (project_id, target, epoch, live_deployment, held, updated_at, canary_deployment, canary_percent)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
       on conflict (project_id, target) do update set epoch = excluded.epoch, live_deployment = excluded.live_deployment,
         held = excluded.held, updated_at = excluded.updated_at, canary_deployment = excluded.canary_deployment,
         canary_percent = excluded.canary_percent
       where excluded.epoch >= pointers.epoch`,
    )
      .bind(
        of.project,
        of.target,
        pointer.epoch,
        pointer.live?.deployment ?? null,
        pointer.held ? 1 : 0,
        pointer.updatedAt,
        pointer.canary?.release.deployment ?? null,
        pointer.canary?.percent ?? null,
      )
      .run();
  }
}

/** What an entry tells of the rollout that it is about: how far that was. */
const aboutRollout = ({ canary }: Pointer) => ({
  deployment: canary?.release.deployment ?? "",
  percent: canary?.percent ?? 0,
  stage: canary?.rolling?.stage ?? 0,
});
