/**
 * Which region answers a visitor: every region that could, in the order in which they are to be tried. Knows neither
 * clock nor network: how each stands is told.
 */
import { bucketOf } from "#features/pointers/bucket.ts";

/** Degrees. */
export interface Place {
  latitude: number;
  longitude: number;
}

/**
 * - `ready`: takes new requests. - `reserve`: only when no other can, since it drains or has no weight.
 * - `lacking`: has said a moment ago that it can't serve this workload. - `down`: its ingress does not answer.
 */
export type Standing = "ready" | "reserve" | "lacking" | "down";

const RANK: Record<Standing, number> = { ready: 0, reserve: 1, lacking: 2, down: 3 };

export interface Candidate extends Place {
  id: string;
  /** Share of what is equally near. */
  weight: number;
  /** 0 to 1; `null`: it has not said. */
  load: number | null;
  standing: Standing;
  /** Asked only when none of the others can serve, wherever the visitor is. */
  isFailover: boolean;
}

export interface Visitor {
  /** `null`: nobody knows. */
  place: Place | null;
  /** The same visitor is given the same region among those that are equally near. */
  key: string;
  /** Region that the visitor was given before, if it is to stay there. */
  region: string | null;
}

/** Of a session that keeps to its region: the id of it. Only when the project's policy asks. */
export const REGION_COOKIE = "__cloudify_region";

/** Regions whose distances differ by no more are equally near: two in one city, say. Kilometres. */
const TIE_KM = 50;
/** A region that is full to the brim still has a share of its weight: what it says of itself is seconds old. */
const LEAST_ROOM = 0.05;
/** Of regions without weight among each other. */
const LEAST_WEIGHT = 1e-6;
const EARTH_KM = 6_371;

/**
 * By standing; of one standing the failover regions last, in their order; of the others the nearest first; what is
 * equally near is split by weight and by the room that is left. A visitor is kept where others of the same rank are, so
 * nobody stays in a failover region once another can serve. None is left out: when all are down, one may be up again.
 *
 * @param candidates In failover order, which counts for failover regions, and when the visitor's place is unknown.
 */
export function ranked<T extends Candidate>(candidates: readonly T[], visitor: Visitor): T[] {
  const ranks = Map.groupBy(
    candidates,
    ({ standing, isFailover }) => 2 * RANK[standing] + Number(isFailover),
  );
  return [...ranks]
    .sort(([one], [other]) => one - other)
    .flatMap(([, all]) => {
      const sorted = all.some(({ isFailover }) => isFailover) ? all : byDistance(all, visitor);
      const kept = sorted.find(({ id, standing }) => id === visitor.region && standing === "ready");
      return kept ? [kept, ...sorted.filter((one) => one !== kept)] : sorted;
    });
}

function byDistance<T extends Candidate>(all: readonly T[], visitor: Visitor): T[] {
  const { place } = visitor;
  if (place === null) return [...all];
  const measured = all
    .map((one) => ({ one, km: distanceKm(place, one) }))
    .sort((left, right) => left.km - right.km);
  const sorted: T[] = [];
  for (let from = 0; from < measured.length; ) {
    const limit = (measured[from]?.km ?? 0) + TIE_KM;
    const farther = measured.findIndex(({ km }) => km > limit);
    const to = farther === -1 ? measured.length : farther;
    sorted.push(
      ...split(
        measured.slice(from, to).map(({ one }) => one),
        visitor.key,
      ),
    );
    from = to;
  }
  return sorted;
}

/** Weighted rendezvous: when a weight changes, only the visitors move whom the change is about. */
function split<T extends Candidate>(all: readonly T[], key: string): T[] {
  if (all.length < 2) return [...all];
  return all
    .map((one) => {
      const room = 1 - Math.min(Math.max(one.load ?? 0, 0), 1);
      const weight = Math.max(one.weight, LEAST_WEIGHT) * Math.max(room, LEAST_ROOM);
      return { one, wait: -Math.log(bucketOf(key, one.id)) / weight };
    })
    .sort((left, right) => left.wait - right.wait || (left.one.id < right.one.id ? -1 : 1))
    .map(({ one }) => one);
}

/** Along the great circle, by the haversine formula. */
export function distanceKm(from: Place, to: Place): number {
  const turn = Math.PI / 180;
  const north = Math.sin(((to.latitude - from.latitude) * turn) / 2) ** 2;
  const east = Math.sin(((to.longitude - from.longitude) * turn) / 2) ** 2;
  const part = north + Math.cos(from.latitude * turn) * Math.cos(to.latitude * turn) * east;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(part)));
}

/** @param cf Cloudflare's `request.cf`, which says both as text. @returns `null` unless it says a place on Earth. */
export function placeOf({ latitude, longitude }: Record<string, unknown>): Place | null {
  if (!isSaid(latitude) || !isSaid(longitude)) return null;
  const place = { latitude: Number(latitude), longitude: Number(longitude) };
  return Math.abs(place.latitude) <= 90 && Math.abs(place.longitude) <= 180 ? place : null;
}

/** An empty text would be the place where the equator meets Greenwich's meridian. */
const isSaid = (value: unknown): boolean =>
  typeof value === "number" || (typeof value === "string" && value.trim() !== "");
