/**
 * The virtual network: every message may be late, lost or doubled, overtake another, or find its way cut. An answer is a
 * message like any other, so what was asked may have been done though nobody heard of it.
 */
import type { Chance } from "./chance.ts";
import type { Process, Timeline } from "./timeline.ts";

/** How things are on all ways at the moment. */
export interface Weather {
  loss: number;
  duplicates: number;
  /** Milliseconds; each message draws its own. */
  delay: readonly [number, number];
}

export const CALM: Weather = { loss: 0, duplicates: 0, delay: [1, 20] };

export class Network {
  weather: Weather = CALM;
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  readonly #cuts = new Map<string, number>();

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline;
    this.#chance = chance;
  }

  /** Two cuts of one way are ended by two mends. */
  cut(way: string): void {
    this.#cuts.set(way, (this.#cuts.get(way) ?? 0) + 1);
  }

  mend(way: string): void {
    this.#cuts.set(way, (this.#cuts.get(way) ?? 0) - 1);
  }

  isCut(way: string): boolean {
    return (this.#cuts.get(way) ?? 0) > 0;
  }

  /** @returns Whether a message is lost on this way now. */
  isLost(way: string): boolean {
    return this.isCut(way) || this.#chance.happens(this.weather.loss);
  }

  delay(): number {
    const [least, most] = this.weather.delay;
    return this.#chance.between(least, most);
  }

  /**
   * Asks over a way on which silence is possible: a call whose question or answer is lost may never return.
   *
   * @param serve Done where the question arrives; perhaps twice. What it throws breaks the connection.
   */
  call<T>(caller: Process, way: string, serve: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const lost = () => {
        // Half of what is lost is noticed: a connection that is reset, rather than one that is silent.
        if (this.#chance.happens(0.5)) this.#carry(caller, () => reject(new Error("reset")));
      };
      const arrive = () => {
        if (this.isLost(way)) return lost();
        serve().then(
          (answer) => (this.isLost(way) ? lost() : this.#carry(caller, () => resolve(answer))),
          () => this.#carry(caller, () => reject(new Error("reset"))),
        );
      };
      this.#timeline.after(this.delay(), arrive);
      // Who may repeat a call does: agents, and what stands between them and the API. Nobody repeats a visitor's.
      if (way.startsWith("agent:") && this.#chance.happens(this.weather.duplicates)) {
        this.#timeline.after(this.delay() + this.#chance.between(0, 20_000), arrive);
      }
    });
  }

  #carry(to: Process, act: () => void): void {
    this.#timeline.after(this.delay(), () => to.run(act));
  }
}
