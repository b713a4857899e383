/**
 * When enough regions run a release. Each of them says that it is ready, or that it can't be, and may say so anew; one
 * that says nothing is waited for, but not by those who need no more than are ready. Pure.
 */
import { type Millis, SECOND } from "#core/time.ts";

/**
 * How many regions must be ready before visitors come: every one, more than half, or one. `any` and `quorum` still give
 * the rest {@link SETTLE_MS}, so that all of them are there in an ordinary release.
 */
export type Policy = "all" | "quorum" | "any";

/** How long the others are waited for once enough are ready. */
export const SETTLE_MS = 60 * SECOND;

export interface Placing {
  policy: Policy;
  /** In failover order; at least one. */
  regions: string[];
  /** `null`: it is ready; else why it can't be. */
  answers: Record<string, string | null>;
  /** Nobody acts for these at the moment: waited for only by who needs them. */
  silent: string[];
  /** Since there are enough: until when the rest is waited for. */
  settleAt: Millis | null;
}

export const beginPlacing = (regions: string[], policy: Policy): Placing => ({
  policy,
  regions,
  answers: {},
  silent: [],
  settleAt: null,
});

/** @param why `null`: it is ready. */
export function answered(placing: Placing, region: string, why: string | null, now: Millis): Placing {
  const answers = { ...placing.answers, [region]: why };
  const silent = placing.silent.filter((one) => one !== region);
  const isEnough = readyOf({ ...placing, answers }).length >= neededOf(placing);
  return { ...placing, answers, silent, settleAt: isEnough ? (placing.settleAt ?? now + SETTLE_MS) : null };
}

/** It may come back, and answer then. */
export const silenced = (placing: Placing, region: string): Placing =>
  placing.answers[region] !== undefined || placing.silent.includes(region)
    ? placing
    : { ...placing, silent: [...placing.silent, region] };

/** @param isLast Whether nothing more is waited for. */
export function verdictOf(placing: Placing, now: Millis, isLast: boolean): "wait" | "go" | "fail" {
  const { regions, answers, silent, settleAt } = placing;
  const ready = readyOf(placing).length;
  const open = regions.filter((region) => answers[region] === undefined);
  const isHeard = open.every((region) => silent.includes(region));
  const needed = neededOf(placing);
  if (ready + open.length < needed) return "fail";
  if (ready >= needed && (isHeard || isLast || (settleAt !== null && now >= settleAt))) return "go";
  return isLast ? "fail" : "wait";
}

export const readyOf = ({ regions, answers }: Placing): string[] =>
  regions.filter((region) => answers[region] === null);

/** What each region that is not ready said, for people. @param nameOf Of a region by its id. */
export const faultsOf = ({ regions, answers, silent }: Placing, nameOf: (id: string) => string): string =>
  regions
    .filter((region) => answers[region] !== null)
    .map((region) => {
      const unheard = silent.includes(region) ? "its agent is silent" : "it has not said that it is ready";
      return `${nameOf(region)}: ${answers[region] ?? unheard}`;
    })
    .join("\n");

/** How many must be ready. */
export function neededOf({ policy, regions }: Placing): number {
  switch (policy) {
    case "all":
      return regions.length;
    case "quorum":
      return Math.floor(regions.length / 2) + 1;
    case "any":
      return 1;
  }
}
