/** By which plan a deployment goes to production: the caller's, the project's, or none. Pure. */
import { Problem } from "#core/problem.ts";
import { DEFAULT_GUARD, type Guard } from "#features/pointers/guard.ts";
import type { Plan, Stage } from "#features/pointers/rolling.ts";

export interface Given {
  stages?: Stage[] | undefined;
  guard?: Guard | null | undefined;
}

/**
 * @param setting The project's `rollingRelease`.
 * @returns `null`: everybody gets it at once.
 * @throws Problem `invalid_input` for a guard of nothing.
 */
export function planOf({ stages, guard }: Given, setting: Plan | null): Plan | null {
  if (stages) return { stages, guard: guard === undefined ? guardOf(setting) : guard };
  if (guard === undefined || setting)
    return setting && { ...setting, ...(guard === undefined ? {} : { guard }) };
  throw new Problem(
    "invalid_input",
    "guard says when a rolling release is aborted, and there are no stages.",
    {
      fix: "Give stages with it, or set the project's rollingRelease.",
    },
  );
}

const guardOf = (setting: Plan | null): Guard | null => (setting ? setting.guard : DEFAULT_GUARD);
