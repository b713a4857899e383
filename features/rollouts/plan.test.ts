import { expect, test } from "vitest";
import { DEFAULT_GUARD } from "#features/pointers/guard.ts";
import { planOf } from "./plan.ts";
import { GuardSchema, RollingRelease, Stages } from "./schemas.ts";

const own = { points: 1, requests: 10, minutes: 1 };
const stages = [{ percent: 10 }, { percent: 100 }];
const setting = { stages: [{ percent: 50 }, { percent: 100 }], guard: own };

test("the caller's goes before the project's, and each before the defaults", () => {
  expect(planOf({}, null)).toBeNull();
  expect(planOf({}, setting)).toEqual(setting);
  expect(planOf({ stages }, null)).toEqual({ stages, guard: DEFAULT_GUARD });
  expect(planOf({ stages }, setting)).toEqual({ stages, guard: own });
  expect(planOf({ stages, guard: null }, setting)).toEqual({ stages, guard: null });
  expect(planOf({ guard: null }, setting)).toEqual({ ...setting, guard: null });
  expect(planOf({ stages }, { ...setting, guard: null })).toEqual({ stages, guard: null });
  expect(() => planOf({ guard: own }, null)).toThrow(expect.objectContaining({ code: "invalid_input" }));
});

test("what can't be a plan is refused with the reason", () => {
  const reason = (given: unknown) => Stages.safeParse(given).error?.issues[0]?.message;
  expect(reason([{ percent: 10 }])).toBe("the last stage is of 100 %");
  expect(reason([{ percent: 10 }, { percent: 5 }, { percent: 100 }])).toContain("more visitors");
  for (const bad of [
    [],
    [{ percent: 0 }, { percent: 100 }],
    [{ percent: 10.5 }, { percent: 100 }],
    [{ percent: 10, minutes: 0 }, { percent: 100 }],
    [{ percent: 10, hours: 1 }, { percent: 100 }],
    Array.from({ length: 21 }, (_, i) => ({ percent: 80 + i })),
  ]) {
    expect([bad, Stages.safeParse(bad).success]).toEqual([bad, false]);
  }
  expect(GuardSchema.safeParse({ minutes: 61 }).success).toBe(false);
  expect(RollingRelease.parse({ stages })).toEqual({ stages, guard: DEFAULT_GUARD });
});
