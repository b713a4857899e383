/**
 * The memory of one router for bodies that may have to be sent again, of all requests together. It is counted, not held
 * here. A request whose visitor has left may be ended by the runtime at any moment, and then gives nothing back: what it
 * has taken is free when its time is over.
 */
import type { Clock, Millis } from "#core/time.ts";

/** A request's own part. */
export interface Share {
  /** @returns Whether there was room for so many bytes more. */
  take(bytes: number): boolean;
  /** All of it. */
  giveBack(): void;
}

interface Taken {
  bytes: number;
  until: Millis;
}

export class Kept {
  readonly #max: number;
  readonly #taken = new Set<Taken>();
  #bytes = 0;

  /** @param max Bytes. */
  constructor(max: number) {
    this.#max = max;
  }

  /** @param until When nobody can need it any more. */
  shareOf(clock: Clock, until: Millis): Share {
    const mine: Taken = { bytes: 0, until };
    return {
      take: (bytes) => {
        if (this.#bytes + bytes > this.#max) this.#sweep(clock.now());
        if (this.#bytes + bytes > this.#max) return false;
        this.#taken.add(mine);
        mine.bytes += bytes;
        this.#bytes += bytes;
        return true;
      },
      giveBack: () => this.#free(mine),
    };
  }

  #sweep(now: Millis): void {
    for (const one of this.#taken) if (one.until <= now) this.#free(one);
  }

  #free(one: Taken): void {
    this.#taken.delete(one);
    this.#bytes -= one.bytes;
    one.bytes = 0;
  }
}
