/** How long to wait before something is tried again. Pure. */

export const MIN_BACKOFF_MS = 1_000;
export const MAX_BACKOFF_MS = 60_000;

/**
 * Full jitter: anything up to the ceiling, so that a crowd does not come back at once. The ceiling doubles.
 *
 * @param failures In a row; 1 or more. @param chance 0 to 1. @param retryAfterMs What the other side asked for; it is never
 * asked sooner. @returns Milliseconds.
 */
export function backoffMs(failures: number, chance: number, retryAfterMs: number | null = null): number {
  const ceiling = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** (failures - 1));
  return retryAfterMs === null ? ceiling * chance : retryAfterMs + MIN_BACKOFF_MS * chance;
}
