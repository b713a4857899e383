/** What a step of the pointer has to tell of rolling releases: to their deployments' logs, and to who looks. Pure. */
import type { Millis } from "#core/time.ts";
import { type Figures, figuresText } from "./guard.ts";
import type { Pointer } from "./machine.ts";
import type { Rolling } from "./rolling.ts";

/** `caller`: somebody asked; `time`: a stage was over; `guard`: its errors; `release`: a newer deployment. */
export type Why =
  | { by: "caller"; actor: string }
  | { by: "time" }
  | { by: "release" }
  | { by: "guard"; figures: Figures };

/** How a rolling release ended. */
export interface Ended {
  deployment: string;
  /** `replaced`: by another that was rolled out or promoted in its place. */
  outcome: "completed" | "aborted" | "replaced";
  by: Why["by"];
  /** Of the visitors had it. */
  percent: number;
  at: Millis;
  /** What the guard saw. */
  figures: Figures | null;
}

export interface Told {
  deployment: string;
  level: "info" | "error";
  text: string;
}

export interface Story {
  lines: Told[];
  /** `null`: none has. */
  ended: Ended | null;
}

/** @param now Unix milliseconds. */
export function storyOf(before: Pointer, after: Pointer, why: Why, now: Millis): Story {
  const ended = endOf(before, after, why, now);
  const lines: Told[] = ended ? [endLine(before, ended, why)] : [];
  const { canary } = after;
  if (canary?.rolling && JSON.stringify(canary) !== JSON.stringify(before.canary)) {
    lines.push({ deployment: canary.release.deployment, level: "info", text: stageText(canary.rolling) });
  }
  return { lines, ended };
}

function endOf(before: Pointer, after: Pointer, why: Why, now: Millis): Ended | null {
  const { canary } = before;
  if (!canary?.rolling) return null;
  const { deployment } = canary.release;
  if (after.canary?.release.deployment === deployment) return null;
  const figures = why.by === "guard" ? why.figures : null;
  const about = { deployment, by: why.by, percent: canary.percent, at: now, figures };
  if (after.live?.deployment === deployment) return { ...about, outcome: "completed" };
  const isOther = after.canary !== undefined || after.live?.deployment !== before.live?.deployment;
  return { ...about, outcome: isOther ? "replaced" : "aborted" };
}

function endLine({ canary }: Pointer, { deployment, outcome, percent }: Ended, why: Why): Told {
  const guard = canary?.rolling?.guard;
  const reason = why.by === "guard" && guard ? figuresText(why.figures, guard) : REASONS[why.by];
  const actor = why.by === "caller" ? ` (${why.actor})` : "";
  const text = `rolling release: ${OUTCOMES[outcome]} at ${percent} % of the visitors: ${reason}${actor}`;
  return { deployment, level: why.by === "guard" ? "error" : "info", text };
}

const OUTCOMES: Record<Ended["outcome"], string> = {
  completed: "complete",
  aborted: "aborted",
  replaced: "replaced",
};

const REASONS: Record<Why["by"], string> = {
  caller: "somebody asked for it",
  time: "its last stage was over",
  guard: "too many errors",
  release: "another deployment takes its place",
};

function stageText({ stages, stage }: Rolling): string {
  const { percent, minutes } = stages[stage] ?? { percent: 100 };
  const length = minutes === undefined ? "until it is advanced" : `for ${minutes} min`;
  return `rolling release: stage ${stage + 1} of ${stages.length}, ${percent} % of the visitors, ${length}`;
}
