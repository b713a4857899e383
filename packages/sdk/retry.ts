/** When to try again, and when not. Pure but for the wait itself. */

export interface RetryPolicy {
  attempts: number;
  /** Milliseconds; the ceiling of the first wait. */
  base: number;
  /** Milliseconds; no wait is longer. */
  max: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 5, base: 250, max: 8_000 };

/** Nothing was decided about the request, or it may be decided otherwise in a moment. */
export const isTransient = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status === 502 || status === 503 || status === 504;

/**
 * Full jitter: anything up to the ceiling, so that a crowd does not come back at once.
 *
 * @param chance 0 to 1. @param retryAfter Seconds that the server asked for, or `null`. @returns Milliseconds.
 */
export function delayFor(
  policy: RetryPolicy,
  attempt: number,
  chance: number,
  retryAfter: number | null,
): number {
  const ceiling = Math.min(policy.max, policy.base * 2 ** attempt);
  return retryAfter === null
    ? ceiling * chance
    : Math.min(policy.max, retryAfter * 1_000) + policy.base * chance;
}

/** @throws The signal's reason when it is aborted. */
export function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
