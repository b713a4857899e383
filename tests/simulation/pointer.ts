/** Stands in for durable-objects/pointer.ts: features/pointers/machine.ts, and the copy that follows each change. */
import {
  emptyPointer,
  type Pointer,
  type PointerEvent,
  type PointerStep,
  step,
} from "#features/pointers/machine.ts";
import { SimulatedObject } from "./custody.ts";

export class PointerOfProduction extends SimulatedObject<{ kind: "copy" }> {
  state: Pointer | null = null;

  send(event: PointerEvent): PointerStep {
    const next = step(this.state ?? emptyPointer("team", this.now), event, this.now);
    if (!next.ok || !next.changed) return next;
    this.state = next.state;
    this.commit([{ kind: "copy" }]);
    return next;
  }

  protected dueAt(): null {
    return null;
  }

  protected tick(): void {}

  protected async perform(): Promise<void> {
    // The write may fail, as any call.
    await this.ask({ isUp: true }, () => this.world.kv.put("pointer", this.state));
  }
}
