/** A share of the visitors, as the command line gives it. */
import { CliProblem } from "./problem.ts";

/** @param least 0 where that ends a rollout. @throws CliProblem */
export function percentOf(text: string, least: 0 | 1): number {
  const percent = /^\d{1,3}%?$/.test(text) ? Number(text.replace("%", "")) : Number.NaN;
  if (percent >= least && percent <= 100) return percent;
  throw new CliProblem(
    "invalid_percent",
    `${text} is no share of the visitors.`,
    `Give a whole number from ${least} to 100.`,
    2,
  );
}
