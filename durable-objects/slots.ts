/** Custody of a team's slots. The rules are in features/deployments/slots.ts. */
import type { Millis } from "#core/time.ts";
import type { SlotsRpc } from "#features/deployments/rpc.ts";
import {
  dueAt,
  noSlots,
  type Request,
  type SlotEffect,
  type SlotEvent,
  type Slots,
  step,
} from "#features/deployments/slots.ts";
import { Custody } from "./custody.ts";

export class TeamSlots extends Custody<SlotEffect> implements SlotsRpc {
  async request(request: Request): Promise<void> {
    this.#apply({ type: "request", request });
  }

  async release(deployment: string): Promise<void> {
    this.#apply({ type: "release", deployment });
  }

  protected dueAt(): Millis | null {
    return dueAt(this.#read());
  }

  protected tick(): void {
    this.#apply({ type: "tick" });
  }

  protected async perform(effect: SlotEffect): Promise<void> {
    const deployment = this.env.DEPLOYMENTS.get(this.env.DEPLOYMENTS.idFromName(effect.deployment));
    if (effect.kind === "supersede") await deployment.send({ type: "supersede", by: effect.by }, null);
    else await this.#grant(effect.deployment, await deployment.send({ type: "granted" }, null));
  }

  /** A slot granted to a deployment that has ended meanwhile, or is gone, goes to the next. */
  async #grant(deployment: string, sent: { ok: boolean; reason?: string }): Promise<void> {
    if (sent.ok || sent.reason === "nothing") return;
    const found = await this.env.DEPLOYMENTS.get(this.env.DEPLOYMENTS.idFromName(deployment)).read();
    const status = found?.state.status;
    const isAtWork = status === "building" || status === "compiling" || status === "releasing";
    if (!isAtWork) this.#apply({ type: "release", deployment });
  }

  #read(): Slots {
    return this.readFact<Slots>("slots") ?? noSlots;
  }

  #apply(event: SlotEvent): void {
    const next = step(this.#read(), event, this.clock.now());
    this.commit({ slots: next.state }, next.effects, "", null);
  }
}
