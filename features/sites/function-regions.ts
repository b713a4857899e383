/**
 * Which of a team's regions a function's own `regions` name. Vercel's names are codes of airports with a number
 * (`iad1`); a region of the same name, or of the name without the number, is meant. Pure.
 *
 * A function that names regions runs in those alone, as on Vercel, where it goes before the project's settings. A name
 * that nothing here has is told and left out: an application that moves here unchanged must run, and does so where the
 * project's settings say if none of its names is known.
 */

export interface NamedRegion {
  id: string;
  name: string;
}

export interface Places {
  /** Where the deployment runs, in failover order. */
  own: readonly NamedRegion[];
  /** Further ones that a function may name: the team's. Others' are never found by chance of a name. */
  further: readonly NamedRegion[];
  /** Whether some of its own are asked only when none of the others answers. */
  hasFailover: boolean;
}

export interface Pinning {
  /** Ids, in failover order; `null`: wherever the deployment runs. */
  regions: string[] | null;
  /** Names that mean nothing here. */
  unknown: string[];
}

/** Next.js's and Vercel's words for "no place of its own". */
const ANYWHERE: ReadonlySet<string> = new Set(["all", "auto", "default", "global", "home"]);
const VERCEL = /^([a-z]{3})\d$/;

/** @param asked `regions` of the function's configuration. */
export function pinningOf(
  asked: string | readonly string[] | undefined,
  { own, further, hasFailover }: Places,
): Pinning {
  const names = [...new Set(typeof asked === "string" ? [asked] : (asked ?? []))].map((name) => name.trim());
  if (names.some((name) => ANYWHERE.has(name))) return { regions: null, unknown: [] };
  const places = [...own, ...further];
  const found = names.map((name) => regionOf(name, places)?.id);
  const unknown = names.filter((_, i) => found[i] === undefined);
  const regions = places.map(({ id }) => id).filter((id) => found.includes(id));
  // Who names a failover region means it as one like the others.
  const isAll = !hasFailover && regions.length === own.length && own.every(({ id }) => regions.includes(id));
  return { regions: regions.length === 0 || isAll ? null : regions, unknown };
}

/** Whether it asks for a place of its own. */
export const isPinned = (asked: string | readonly string[] | undefined): boolean =>
  asked !== undefined && asked.length > 0 && ![asked].flat().some((name) => ANYWHERE.has(name));

/** Those of the deployment come first: a name there is meant before the same name elsewhere. */
function regionOf(name: string, places: readonly NamedRegion[]): NamedRegion | undefined {
  const exact = places.find((one) => one.id === name || one.name === name);
  if (exact) return exact;
  const code = VERCEL.exec(name)?.[1];
  return code === undefined ? undefined : places.find((one) => one.name === code);
}
