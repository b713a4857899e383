/**
 * When enough regions run a release. Each of them says that it is ready, or that it can't be, and may say so anew; one
 * that says nothing is waited for, but not by those who need no more than are ready. What is counted is the regions of
 * each group: those that run one group only say nothing of another. A region is ready for none of its groups before it
 * is so for all. Failover regions are waited for as the rest is, and not counted. Pure.
 */
import { type Millis, SECOND } from "#core/time.ts";

/**
 * How many regions must be ready before visitors come: every one, more than half, or one. The rest is still given
 * {@link SETTLE_MS}, so that all of them are there in an ordinary release.
 */
export type Policy = "all" | "quorum" | "any";

/** How long the others are waited for once enough are ready. */
export const SETTLE_MS = 60 * SECOND;

export interface Placing {
  policy: Policy;
  /** All that run any of it, in failover order; at least one. */
  regions: string[];
  /** Of these, the ones that count for each group: enough of each set must be ready. */
  sets: string[][];
  /** `null`: it is ready; else why it can't be. */
  answers: Record<string, string | null>;
  /** Nobody acts for these at the moment: waited for only by who needs them. */
  silent: string[];
  /** Since there are enough: until when the rest is waited for. */
  settleAt: Millis | null;
}

/** Which of a group's regions count. Where all are failover regions, they are what there is. */
export function countedOf(regions: string[], failover: readonly string[]): string[] {
  const first = regions.filter((region) => !failover.includes(region));
  return first.length > 0 ? first : regions;
}

/** @param sets Of each group: at least one of the regions. */
export const beginPlacing = (regions: string[], sets: string[][], policy: Policy): Placing => ({
  policy,
  regions,
  sets: [...new Map(sets.map((set) => [set.join(" "), set])).values()],
  answers: {},
  silent: [],
  settleAt: null,
});

/** @param why `null`: it is ready. */
export function answered(placing: Placing, region: string, why: string | null, now: Millis): Placing {
  const answers = { ...placing.answers, [region]: why };
  const silent = placing.silent.filter((one) => one !== region);
  const isEnough = isReady({ ...placing, answers });
  return { ...placing, answers, silent, settleAt: isEnough ? (placing.settleAt ?? now + SETTLE_MS) : null };
}

/** It may come back, and answer then. */
export const silenced = (placing: Placing, region: string): Placing =>
  placing.answers[region] !== undefined || placing.silent.includes(region)
    ? placing
    : { ...placing, silent: [...placing.silent, region] };

/** @param isLast Whether nothing more is waited for. */
export function verdictOf(placing: Placing, now: Millis, isLast: boolean): "wait" | "go" | "fail" {
  const { regions, sets, answers, silent, settleAt, policy } = placing;
  const mayBe = (region: string): boolean => answers[region] === null || answers[region] === undefined;
  if (sets.some((set) => set.filter(mayBe).length < neededOf(policy, set.length))) return "fail";
  const isSettled = regions.every((region) => answers[region] !== undefined || silent.includes(region));
  if (isReady(placing) && (isSettled || isLast || (settleAt !== null && now >= settleAt))) return "go";
  return isLast ? "fail" : "wait";
}

const isReady = ({ sets, answers, policy }: Placing): boolean =>
  sets.every(
    (set) => set.filter((region) => answers[region] === null).length >= neededOf(policy, set.length),
  );

export const readyOf = ({ regions, answers }: Placing): string[] =>
  regions.filter((region) => answers[region] === null);

/**
 * What each region that is not ready said, for people.
 *
 * @param said What those that have not answered last said, by their ids. @param nameOf Of a region by its id.
 */
export const faultsOf = (
  { regions, answers, silent }: Placing,
  said: Record<string, string>,
  nameOf: (id: string) => string,
): string =>
  regions
    .filter((region) => answers[region] !== null)
    .map((region) => {
      const unheard = silent.includes(region) ? "its agent is silent" : "it has not said that it is ready";
      const last = said[region] ? `${unheard}; it last said: ${said[region]}` : unheard;
      return `${nameOf(region)}: ${answers[region] ?? last}`;
    })
    .join("\n");

function neededOf(policy: Policy, regions: number): number {
  switch (policy) {
    case "all":
      return regions;
    case "quorum":
      return Math.floor(regions / 2) + 1;
    case "any":
      return 1;
  }
}
