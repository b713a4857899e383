import { expect, test } from "vitest";
import { planOf, stagesOf } from "./stages.ts";

test.each([
  ["10:5m,50:10m,100", [{ percent: 10, minutes: 5 }, { percent: 50, minutes: 10 }, { percent: 100 }]],
  ["5%:1h, 25, 100%", [{ percent: 5, minutes: 60 }, { percent: 25 }, { percent: 100 }]],
  ["20:1d", [{ percent: 20, minutes: 1_440 }, { percent: 100 }]],
  ["100", [{ percent: 100 }]],
])("%s", (text, stages) => {
  expect(stagesOf(text)).toEqual(stages);
});

test.each([
  ["", "invalid_percent"],
  ["0,100", "invalid_percent"],
  ["ten", "invalid_percent"],
  ["10:5", "invalid_duration"],
  ["10:5m:5m", "invalid_stages"],
  ["10,,100", "invalid_percent"],
])("%j is refused", (text, code) => {
  expect(() => stagesOf(text)).toThrow(expect.objectContaining({ code }));
});

test.each([
  ["off", null],
  ["5", { points: 5 }],
  ["2.5%:200", { points: 2.5, requests: 200 }],
  ["5::10m", { points: 5, minutes: 10 }],
  ["5:50:1h", { points: 5, requests: 50, minutes: 60 }],
])("guard %s", (guard, expected) => {
  expect(planOf({ guard })).toEqual({ guard: expected });
});

test("a guard that says nothing is refused; without flags nothing is given", () => {
  for (const guard of ["", "many", "5:x", "5:50:10m:1"]) {
    expect(() => planOf({ guard })).toThrow(expect.objectContaining({ code: "invalid_guard" }));
  }
  expect(planOf({})).toEqual({});
});
