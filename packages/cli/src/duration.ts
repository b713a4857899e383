/** A length of time, as the command line gives it. */
import { CliProblem } from "./problem.ts";

/** `15m`, `12h`, `30d`. @returns Milliseconds. @throws CliProblem */
export function durationOf(text: string): number {
  const [, number = "", unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
  const length = units[unit];
  if (length !== undefined) return Number(number) * length;
  throw new CliProblem(
    "invalid_duration",
    `${text} is not a length of time.`,
    "Give 15m, 12h or 30d, say.",
    2,
  );
}
