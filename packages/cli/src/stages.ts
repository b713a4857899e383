/** The plan of a rolling release, as the command line gives it. */
import { durationOf } from "./duration.ts";
import { percentOf } from "./percent.ts";
import { CliProblem } from "./problem.ts";

export interface Stage {
  percent: number;
  minutes?: number;
}

interface Guard {
  points: number;
  requests?: number;
  minutes?: number;
}

export interface PlanFlags {
  stages?: string;
  guard?: string;
}

export interface Given {
  stages?: Stage[];
  guard?: Guard | null;
}

/** What of a plan the flags give. @throws CliProblem */
export const planOf = ({ stages, guard }: PlanFlags): Given => ({
  ...(stages === undefined ? {} : { stages: stagesOf(stages) }),
  ...(guard === undefined ? {} : { guard: guardOf(guard) }),
});

/** `10:5m,50:1h,100`; a stage without a length is advanced by hand, and the last of 100 may be left out. */
export function stagesOf(text: string): Stage[] {
  const stages = text.split(",").map((one): Stage => {
    const [share = "", length, ...more] = one.trim().split(":");
    if (more.length > 0) throw notStages(text);
    const percent = percentOf(share, 1);
    return length === undefined ? { percent } : { percent, minutes: durationOf(length) / 60_000 };
  });
  return stages.at(-1)?.percent === 100 ? stages : [...stages, { percent: 100 }];
}

/** `off`, or `5`, `5:50`, `5:50:10m`: points, requests, length. */
function guardOf(text: string): Guard | null {
  if (text === "off") return null;
  const [points = "", requests, length, ...more] = text.split(":");
  const isGood = /^\d+(\.\d+)?%?$/.test(points) && /^\d*$/.test(requests ?? "") && more.length === 0;
  if (!isGood) {
    throw new CliProblem(
      "invalid_guard",
      `${text} does not say when a release is aborted.`,
      "Give percentage points, and if need be the least requests and the window: 5, 5:50 or 5:50:10m; or off.",
      2,
    );
  }
  return {
    points: Number(points.replace("%", "")),
    ...(requests ? { requests: Number(requests) } : {}),
    ...(length === undefined ? {} : { minutes: durationOf(length) / 60_000 }),
  };
}

const notStages = (text: string): CliProblem =>
  new CliProblem("invalid_stages", `${text} are no stages.`, "Give shares with lengths: 10:5m,50:1h,100.", 2);
