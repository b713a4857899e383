/** A clock that is turned by hand: whoever waits goes on when their time has come, in order. */
import type { Clock } from "../../packages/agent/clock.ts";

interface Waiter {
  at: number;
  go(): void;
}

export class VirtualClock implements Clock {
  #time = 0;
  #waiters: Waiter[] = [];
  /** Unix milliseconds less the monotonic ones: set it, and the wall clock jumps. */
  offset = 1_700_000_000_000;

  now(): number {
    return this.#time + this.offset;
  }

  monotonic(): number {
    return this.#time;
  }

  wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const waiter: Waiter = {
        at: this.#time + Math.max(0, milliseconds),
        go: () => {
          this.#waiters = this.#waiters.filter((one) => one !== waiter);
          signal?.removeEventListener("abort", waiter.go);
          resolve();
        },
      };
      this.#waiters.push(waiter);
      signal?.addEventListener("abort", waiter.go, { once: true });
    });
  }

  /** Lets so much time pass, and everybody act in it. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#time + milliseconds;
    for (;;) {
      await settled();
      const next = this.#waiters.reduce<Waiter | null>(
        (first, one) => (first && first.at <= one.at ? first : one),
        null,
      );
      if (!next || next.at > end) break;
      this.#time = Math.max(this.#time, next.at);
      next.go();
    }
    this.#time = end;
    await settled();
  }

  /** The process stands still while time goes on: nobody acts, and then all at once. */
  async freeze(milliseconds: number): Promise<void> {
    await settled();
    this.#time += milliseconds;
  }
}

/** Until nobody has anything to do but to wait. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
