/** When a workload that has ended by itself is started again. Pure. */
import { backoffMs } from "../backoff.ts";

/** One that ran so long was well: its ends are counted anew. */
const WELL_AFTER_MS = 60_000;

export interface Crashes {
  /** In a row, none having run for long. */
  count: number;
  /** Monotonic milliseconds; before that it is not started, whoever asks. */
  notBefore: number;
}

export const NO_CRASHES: Crashes = { count: 0, notBefore: 0 };

/**
 * The first end is repaired at once: most ends are not loops, and somebody is waiting.
 *
 * @param ranMs How long it ran. @param chance 0 to 1.
 */
export function afterCrash(crashes: Crashes, ranMs: number, now: number, chance: number): Crashes {
  const count = ranMs >= WELL_AFTER_MS ? 1 : crashes.count + 1;
  return { count, notBefore: count === 1 ? now : now + backoffMs(count - 1, chance) };
}
