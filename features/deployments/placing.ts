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
  /** Since there are enough: until when the rest is waited for. */
  settleAt: Millis | null;
}

export const beginPlacing = (regions: string[], policy: Policy): Placing => ({
  policy,
  regions,
  answers: {},
  settleAt: null,
});

/** @param why `null`: it is ready. */
export function answered(placing: Placing, region: string, why: string | null, now: Millis): Placing {
  const answers = { ...placing.answers, [region]: why };
  const isEnough = readyOf({ ...placing, answers }).length >= neededOf(placing);
  return { ...placing, answers, settleAt: isEnough ? (placing.settleAt ?? now + SETTLE_MS) : null };
}

/** @param isLast Whether nothing more is waited for. */
export function verdictOf(placing: Placing, now: Millis, isLast: boolean): "wait" | "go" | "fail" {
  const { regions, answers, settleAt } = placing;
  const ready = readyOf(placing).length;
  const open = regions.filter((region) => answers[region] === undefined).length;
  const needed = neededOf(placing);
  if (ready + open < needed) return "fail";
  if (ready >= needed && (open === 0 || isLast || (settleAt !== null && now >= settleAt))) return "go";
  return isLast ? "fail" : "wait";
}

export const readyOf = ({ regions, answers }: Placing): string[] =>
  regions.filter((region) => answers[region] === null);

/** What each region that is not ready said, for people. */
export const faultsOf = ({ regions, answers }: Placing): string =>
  regions
    .filter((region) => answers[region] !== null)
    .map((region) => `${region}: ${answers[region] ?? "it has not said that it is ready"}`)
    .join("\n");

function neededOf({ policy, regions }: Placing): number {
  switch (policy) {
    case "all":
      return regions.length;
    case "quorum":
      return Math.floor(regions.length / 2) + 1;
    case "any":
      return 1;
  }
}
