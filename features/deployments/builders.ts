/**
 * Which region builds. One with room takes it, the one with most of it first; while none has, it waits in the line of
 * the one that is the least behind, and is moved as soon as another has room. It knows neither objects nor clocks.
 */

/** Builds that a region could begin now beside those that it has; below zero: so many wait there. */
export interface Builder {
  region: string;
  free: number;
}

/** Asked of each region; a `false` or `null` is never wrong, since all of it is tried again. */
export interface Builders {
  /** `null`: none of its agents builds at the moment. */
  roomOf(region: string): Promise<number | null>;
  /** @param ifFree Only if it can begin at once. */
  offer(region: string, ifFree: boolean): Promise<boolean>;
  /** @returns Whether the build is in nobody's hands there; one that had not been begun is there no more. */
  takeBack(region: string): Promise<boolean>;
}

export interface Found {
  region: string;
  /** Behind others. */
  isWaiting: boolean;
}

/** Those with room before those without, those that were not lost before those that were, then by their room. */
export function inOrder(builders: readonly Builder[], lost: readonly string[]): Builder[] {
  const rank = ({ region, free }: Builder) => (free > 0 ? 0 : 2) + (lost.includes(region) ? 1 : 0);
  return [...builders].sort((one, other) => rank(one) - rank(other) || other.free - one.free);
}

/**
 * @param regions In the order in which equals are preferred.
 * @param held Where it stands already. @param lost Regions that were lost with it.
 * @returns `null`: no region builds at the moment, or the one that holds it has begun.
 */
export async function findBuilder(
  regions: readonly string[],
  { held, lost }: { held: string | null; lost: readonly string[] },
  { roomOf, offer, takeBack }: Builders,
): Promise<Found | null> {
  const rooms = await Promise.all(regions.map(async (region) => ({ region, free: await roomOf(region) })));
  const live = rooms.flatMap(({ region, free }) => (free === null ? [] : [{ region, free }]));
  const all = inOrder(live, lost);
  const [best] = all;
  if (!best) return null;
  const here = all.find(({ region }) => region === held);
  const candidates = here && (here.free > 0 || best.free <= 0) ? [here] : all;
  const isMoved = held !== null && candidates[0]?.region !== held;
  if (isMoved && !(await takeBack(held))) return null;
  for (const { region, free } of candidates)
    if (free > 0 && (await offer(region, true))) return { region, isWaiting: false };
  for (const { region } of candidates) if (await offer(region, false)) return { region, isWaiting: true };
  return null;
}
