/** Where visitors are, and which region is theirs, as a map has it: by chords through the Earth, not as the router reckons. */
import type { Outcome } from "#tests/support/load.ts";
import { type Place, readPlaces } from "../../platform/places.ts";

export const NAMES = ["fra", "iad", "sin"] as const;
export type Name = (typeof NAMES)[number];

export const CITIES: readonly Place[] = [
  { name: "Berlin", latitude: 52.52, longitude: 13.41 },
  { name: "Cairo", latitude: 30.04, longitude: 31.24 },
  { name: "Reykjavík", latitude: 64.15, longitude: -21.94 },
  { name: "Lagos", latitude: 6.52, longitude: 3.38 },
  { name: "New York", latitude: 40.71, longitude: -74.01 },
  { name: "San Francisco", latitude: 37.77, longitude: -122.42 },
  { name: "Bogotá", latitude: 4.71, longitude: -74.07 },
  { name: "São Paulo", latitude: -23.55, longitude: -46.63 },
  { name: "Tokyo", latitude: 35.68, longitude: 139.65 },
  { name: "Sydney", latitude: -33.87, longitude: 151.21 },
  { name: "Mumbai", latitude: 19.08, longitude: 72.88 },
  // Across the date line from Singapore, by way of the Pacific.
  { name: "Auckland", latitude: -36.85, longitude: 174.76 },
];

/** Of the n-th request. */
export const cityOf = (n: number): Place => CITIES[n % CITIES.length] as Place;

export function nearest(city: Place): string {
  const [first] = readPlaces(NAMES.join(",")).sort((one, other) => chord(city, one) - chord(city, other));
  return first?.name ?? "";
}

/** A chord is longer where the way along the surface is longer. In radii of the Earth. */
function chord(from: Place, to: Place): number {
  const [a, b] = [pointOf(from), pointOf(to)];
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

function pointOf({ latitude, longitude }: Place) {
  const [north, east] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return { x: Math.cos(north) * Math.cos(east), y: Math.cos(north) * Math.sin(east), z: Math.sin(north) };
}

/** A visitor who waits for longer is taken to have waited for the region that is lost. */
const WAITED_MS = 1_000;

/**
 * @param from Unix milliseconds at which the region was lost. @param to Until when it was not there.
 * @returns Milliseconds from the loss to the last visitor of the region who was still sent there; 0: nobody was.
 */
export function awayAfter(outcomes: readonly Outcome[], name: Name, from: number, to: number): number {
  const late = outcomes.filter(({ n, beganAt, endedAt, region }) => {
    if (beganAt < from || beganAt >= to) return false;
    return region === name || (nearest(cityOf(n)) === name && endedAt - beganAt > WAITED_MS);
  });
  return late.reduce((most, { beganAt }) => Math.max(most, beganAt - from), 0);
}
