/** Regions of one machine by the names that people know them by: the cities of Vercel's compute regions. */
import { StartError } from "@cloudify/platform";

export interface Place {
  name: string;
  /** Degrees. */
  latitude: number;
  longitude: number;
}

const CITIES: Record<string, [latitude: number, longitude: number]> = {
  arn: [59.33, 18.07],
  bom: [19.08, 72.88],
  cdg: [48.86, 2.35],
  cle: [41.5, -81.69],
  cpt: [-33.92, 18.42],
  dub: [53.35, -6.26],
  dxb: [25.2, 55.27],
  fra: [50.11, 8.68],
  gru: [-23.55, -46.63],
  hkg: [22.32, 114.17],
  hnd: [35.68, 139.69],
  iad: [38.95, -77.45],
  icn: [37.57, 126.98],
  kix: [34.69, 135.5],
  lhr: [51.51, -0.13],
  pdx: [45.52, -122.68],
  sfo: [37.77, -122.42],
  sin: [1.35, 103.99],
  syd: [-33.87, 151.21],
  yul: [45.5, -73.57],
};
/** The one that there is when nobody asks for another; where it is makes no difference then. */
const LOCAL: Place = { name: "local", latitude: 0, longitude: 0 };

/**
 * @param list Names with commas between, or `name@latitude/longitude`; empty: none; `undefined`: `local`.
 * @throws StartError
 */
export function readPlaces(list: string | undefined): Place[] {
  if (list === undefined) return [LOCAL];
  const places = list
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "")
    .map(placeOf);
  const twice = places.find(({ name }, i) => places.findIndex((one) => one.name === name) !== i);
  if (twice) throw new StartError(`CLOUDIFY_REGIONS names ${twice.name} twice.`);
  return places;
}

function placeOf(text: string): Place {
  const [, name = "", latitude, longitude] =
    /^([a-z][a-z0-9-]{0,30})(?:@(-?[\d.]+)\/(-?[\d.]+))?$/.exec(text) ?? [];
  if (latitude !== undefined && longitude !== undefined) {
    const place = { name, latitude: Number(latitude), longitude: Number(longitude) };
    if (Math.abs(place.latitude) <= 90 && Math.abs(place.longitude) <= 180) return place;
  } else if (name === LOCAL.name) return LOCAL;
  const city = CITIES[name];
  if (latitude === undefined && city) return { name, latitude: city[0], longitude: city[1] };
  throw new StartError(
    `CLOUDIFY_REGIONS names ${JSON.stringify(text)}; give local, ${Object.keys(CITIES).join(", ")}, or name@latitude/longitude.`,
  );
}
