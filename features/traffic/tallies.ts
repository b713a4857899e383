/** Answered requests on their way to a project's rollups: what is alike is added up where it happens. */
import { SLOT_MS, type Tally, type TrafficEvent } from "./machine.ts";

export class Tallies {
  readonly #held = new Map<string, Tally>();

  add(event: TrafficEvent): void {
    const { at, deployment, isProduction, status, cache, region } = event;
    const slot = at - (at % SLOT_MS);
    const statusClass = Math.floor(status / 100);
    const key = `${slot} ${deployment} ${isProduction} ${statusClass} ${cache} ${region ?? ""}`;
    let tally = this.#held.get(key);
    if (!tally) {
      const none = { requests: 0, functionMs: 0, bytesIn: 0, bytesOut: 0 };
      tally = { slot, deployment, isProduction, statusClass, cache, region, ...none };
      this.#held.set(key, tally);
    }
    tally.requests++;
    tally.functionMs += event.functionMs ?? 0;
    tally.bytesIn += event.bytesIn;
    tally.bytesOut += event.bytesOut;
  }

  all(): Tally[] {
    return [...this.#held.values()];
  }
}
