/**
 * A region's circuit breaker: what is learnt from the requests themselves, between one probe and the next.
 *
 *     closed ─too many failures→ open ─time→ half-open ─PASSES trials pass→ closed
 *                                 ↑               │
 *                                 └──a trial fails┘  (twice as long)
 *
 * It never refuses: a region whose breaker is open comes last, and is still tried when all others have failed.
 */
import { type Millis, SECOND } from "#core/time.ts";

/** So many failures open it… */
export const FAILURES = 5;
/** …within this time… */
export const WINDOW_MS = 10 * SECOND;
/** …if they are half of the latest outcomes: a region that fails now and then is not given up. */
const LATEST = 20;
const OPEN_MS = 2 * SECOND;
const LONGEST_OPEN_MS = 30 * SECOND;
/** Trials in a row that close it. */
export const PASSES = 2;
/** A trial that has not come back after this time is taken for lost, and another may go. */
const TRIAL_MS = 5 * SECOND;

export type Breaker =
  | { state: "closed"; outcomes: readonly Outcome[] }
  /** `times`: how often it opened in a row. */
  | { state: "open"; until: Millis; times: number }
  | { state: "half-open"; trialUntil: Millis; passes: number; times: number };

interface Outcome {
  at: Millis;
  ok: boolean;
}

/** - `free`: for all. - `trial`: for one request, which says so with `enter`. - `shut`: not before all others. */
export type Admission = "free" | "trial" | "shut";

export const closed: Breaker = { state: "closed", outcomes: [] };

export function admission(breaker: Breaker, now: Millis): Admission {
  switch (breaker.state) {
    case "closed":
      return "free";
    case "open":
      return now >= breaker.until ? "trial" : "shut";
    case "half-open":
      return now >= breaker.trialUntil ? "trial" : "shut";
  }
}

/** A request goes there: if a trial is due, it is the trial. */
export function enter(breaker: Breaker, now: Millis): Breaker {
  if (admission(breaker, now) !== "trial" || breaker.state === "closed") return breaker;
  const passes = breaker.state === "half-open" ? breaker.passes : 0;
  return { state: "half-open", trialUntil: now + TRIAL_MS, passes, times: breaker.times };
}

export function passed(breaker: Breaker, now: Millis): Breaker {
  switch (breaker.state) {
    case "closed":
      return { state: "closed", outcomes: latest(breaker.outcomes, { at: now, ok: true }) };
    case "open":
      // Sent before it opened, or since no other was left: one that fails by halves would never stay open.
      return breaker;
    case "half-open": {
      const passes = breaker.passes + 1;
      return passes >= PASSES ? closed : { ...breaker, trialUntil: 0, passes };
    }
  }
}

/** @param chance From 0 to 1: routers that opened together must not try together. */
export function failed(breaker: Breaker, now: Millis, chance: number): Breaker {
  switch (breaker.state) {
    case "closed": {
      const outcomes = latest(breaker.outcomes, { at: now, ok: false });
      const failures = outcomes.filter(({ ok }) => !ok).length;
      const isTooMany = failures >= FAILURES && failures * 2 >= outcomes.length;
      return isTooMany ? opened(1, now, chance) : { state: "closed", outcomes };
    }
    case "open":
      // What was under way when it opened says nothing new.
      return breaker;
    case "half-open":
      return opened(breaker.times + 1, now, chance);
  }
}

function opened(times: number, now: Millis, chance: number): Breaker {
  const longest = Math.min(LONGEST_OPEN_MS, OPEN_MS * 2 ** Math.min(times - 1, 10));
  return { state: "open", until: now + longest * (0.5 + chance / 2), times };
}

const latest = (outcomes: readonly Outcome[], one: Outcome): Outcome[] =>
  [...outcomes.filter(({ at }) => one.at - at < WINDOW_MS), one].slice(-LATEST);
