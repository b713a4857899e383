/** Time, as the agent takes it from outside: the simulation turns it by hand. */
import { uptime } from "node:os";
import { performance } from "node:perf_hooks";

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Milliseconds from any point; never goes back, whatever is done to the wall clock. */
  monotonic(): number;
  /** Resolves after so many milliseconds, or as soon as the signal is aborted; never rejects. */
  wait(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export function systemClock(): Clock {
  const began = { performance: performance.now(), uptime: uptime() };
  return {
    now: Date.now,
    // The monotonic clock of Linux stands still while the machine sleeps; its uptime, in whole seconds, does not.
    monotonic: () =>
      Math.max(performance.now() - began.performance, (uptime() - began.uptime) * 1_000 - 1_000),
    wait: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, milliseconds);
        signal?.addEventListener("abort", done, { once: true });
      }),
  };
}
