/** Calls of many objects, a few at a time: one that does not answer stops no other. */

const AT_ONCE = 10;

export async function wakeAll<T>(
  all: readonly T[],
  wake: (one: T) => Promise<void>,
): Promise<{ woken: number; failed: number }> {
  let woken = 0;
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const results = await Promise.allSettled(all.slice(at, at + AT_ONCE).map(wake));
    woken += results.filter(({ status }) => status === "fulfilled").length;
  }
  return { woken, failed: all.length - woken };
}
