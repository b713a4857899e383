/**
 * A rolling release: a canary that grows by stages, each for a while or until somebody says so. What moves it is in
 * machine.ts; what ends it early in guard.ts. Pure.
 */
import { MINUTE, type Millis } from "#core/time.ts";
import type { Guard } from "./guard.ts";

export interface Stage {
  /** From 1 to 100, each more than the one before; the last is 100. */
  percent: number;
  /** How long it lasts; absent: until somebody advances it. */
  minutes?: number | undefined;
}

export interface Plan {
  /** At least one. */
  stages: Stage[];
  /** `null`: nobody watches it. */
  guard: Guard | null;
}

/** A plan that is under way. */
export interface Rolling extends Plan {
  /** Index of the stage that it is in; never the last, at which there is no canary any more. */
  stage: number;
  /** When this stage began. */
  since: Millis;
  /** When its first stage began: what was answered before tells nothing of it. */
  startedAt: Millis;
}

export const begun = (plan: Plan, now: Millis): Rolling => ({
  stages: plan.stages,
  guard: plan.guard,
  stage: 0,
  since: now,
  startedAt: now,
});

/** A share that somebody sets ends the stages, not the watch: from there on it goes by hand. */
export const byHand = (rolling: Rolling, percent: number, now: Millis): Rolling => ({
  ...rolling,
  stages: [{ percent }, { percent: 100 }],
  stage: 0,
  since: now,
});

/** When the stage is over by itself, or `null`. */
export function stageEnds({ stages, stage, since }: Rolling): Millis | null {
  const minutes = stages[stage]?.minutes;
  return minutes === undefined ? null : since + minutes * MINUTE;
}

/** @returns What is wrong with it, or `null`. */
export function flawOf(stages: readonly Stage[]): string | null {
  const last = stages.at(-1);
  if (last?.percent !== 100) return "the last stage is of 100 %";
  if (last.minutes !== undefined) return "the last stage has no end, so it lasts for no time";
  const isGrowing = stages.every((one, i) => one.percent > (stages[i - 1]?.percent ?? 0));
  return isGrowing ? null : "each stage is of more visitors than the one before";
}
