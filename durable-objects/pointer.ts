/** Custody of one pointer. The rules are in features/pointers/machine.ts. */
import {
  emptyPointer,
  type Pointer,
  type PointerEvent,
  type PointerStep,
  step,
} from "#features/pointers/machine.ts";
import { type By, type PointerRpc, pointerKey } from "#features/pointers/rpc.ts";
import { Custody } from "./custody.ts";

interface Of {
  team: string;
  project: string;
  target: string;
}
/** The copies that readers use when this object can't be asked. */
type Effect = { kind: "copy" };

export class PointerObject extends Custody<Effect> implements PointerRpc {
  async read(): Promise<Pointer | null> {
    return this.readFact<Pointer>("pointer");
  }

  async send(of: Of, event: PointerEvent, by: By | null): Promise<PointerStep> {
    const now = this.clock.now();
    const state = this.readFact<Pointer>("pointer") ?? emptyPointer(of.team, now);
    const next = step(state, event, now);
    if (!next.ok) return next;
    // Somebody asked: that is in the trail, even when it was so already.
    const effects: Effect[] = next.changed ? [{ kind: "copy" }] : [];
    if (next.changed || by) this.commit({ pointer: next.state, of }, effects, of.team, by);
    return next;
  }

  async remove(): Promise<void> {
    await this.clear();
  }

  protected dueAt(): null {
    return null;
  }

  protected tick(): void {}

  protected async perform(): Promise<void> {
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
