/**
 * A deployment's life, from the moment its output is uploaded.
 *
 *     queued ─granted→ compiling ─compiled→ releasing ─released→ ready
 *        │                │  ├─unclaimed─→ compiling (the same attempt, asked for again)
 *        │                │  └─lapsed─→ compiling (next attempt, at most MAX_ATTEMPTS)
 *        │                │                 │
 *        └────────────────┴─────────────────┴──→ error | canceled
 *
 * Every state that is not the end has a deadline. The rules know neither the clock nor who does what they owe.
 */
import { MINUTE, type Millis, SECOND } from "#core/time.ts";

export const MAX_ATTEMPTS = 4;
export const QUEUE_MS = 60 * MINUTE;
/** For all attempts together. */
export const COMPILE_MS = 15 * MINUTE;
export const RELEASE_MS = 2 * MINUTE;
/** A task that nobody claimed in this time is asked for again: the poke was lost, or stands in a long queue. */
export const CLAIM_MS = 20 * SECOND;
/** A claimed task is given up when its holder has been silent for this long. */
export const LEASE_MS = 60 * SECOND;

/** Fixed when the deployment is created. */
export interface Spec {
  id: string;
  team: string;
  project: string;
  target: string;
  /** Queued siblings of the same branch are superseded by a newer one; `null` without git data. */
  branch: string | null;
  /** Pointers that it takes when it is ready. */
  pointerTargets: string[];
  /** Of production's visitors, while it is rolled out; `null`: all of them at once. */
  percent: number | null;
  /** SHA-256 of the manifest, a blob of the team. */
  manifest: string;
  /** SHA-256 of an uploaded build log. */
  buildLog: string | null;
  /** Digest of its frozen environment. */
  env: string;
  /** Its own, immutable host. */
  hostname: string;
  createdAt: Millis;
}

/** Why it ended without being ready: for programs, for people, and what to do. */
export interface Failure {
  code: string;
  detail: string;
  fix: string;
}

export interface Event {
  seq: number;
  from: Status | null;
  to: Status;
  cause: string;
  at: Millis;
}

export type Status = "queued" | "compiling" | "releasing" | "ready" | "error" | "canceled";

interface Common {
  spec: Spec;
  /** How many events there were; orders projections. */
  seq: number;
}

export type Deployment = Common &
  (
    | { status: "queued"; deadline: Millis }
    | { status: "compiling"; deadline: Millis; attempt: number; claimed: boolean; until: Millis }
    | { status: "releasing"; deadline: Millis; site: string; hasFunctions: boolean; assigning: boolean }
    | { status: "ready"; site: string; hasFunctions: boolean; readyAt: Millis }
    | { status: "error"; failure: Failure; endedAt: Millis }
    | { status: "canceled"; failure: Failure; endedAt: Millis }
  );

export type Input =
  | { type: "granted" }
  | { type: "claim"; attempt: number }
  | { type: "heartbeat"; attempt: number }
  | { type: "compiled"; attempt: number; site: string; hasFunctions: boolean }
  | { type: "failed"; attempt: number; failure: Failure; retryable: boolean }
  | { type: "assigning" }
  | { type: "released" }
  | { type: "cancel" }
  | { type: "supersede"; by: string }
  | { type: "tick" };

/** What a step owes to the outside. Each is done at least once, and doing it twice changes nothing. */
export type Effect =
  | { kind: "request-slot" }
  | { kind: "dispatch"; attempt: number }
  | { kind: "publish" }
  | { kind: "release-slot" }
  | { kind: "finish-log" };

export type Step =
  | { ok: true; state: Deployment; effects: Effect[]; event: Event | null }
  | { ok: false; reason: "illegal" | "not-holder" | "nothing" };

const illegal: Step = { ok: false, reason: "illegal" };
const notHolder: Step = { ok: false, reason: "not-holder" };
const nothing: Step = { ok: false, reason: "nothing" };

export function create(spec: Spec, now: Millis): Step {
  const event: Event = { seq: 1, from: null, to: "queued", cause: "created", at: now };
  return {
    ok: true,
    state: { spec, seq: 1, status: "queued", deadline: now + QUEUE_MS },
    effects: [{ kind: "request-slot" }],
    event,
  };
}

export const isFinished = (status: Status): boolean =>
  status === "ready" || status === "error" || status === "canceled";

/** When `tick` next has work, or `null`. Alarms are derived from state, never remembered. */
export function dueAt(state: Deployment): Millis | null {
  switch (state.status) {
    case "queued":
    case "releasing":
      return state.deadline;
    case "compiling":
      return Math.min(state.deadline, state.until);
    case "ready":
    case "error":
    case "canceled":
      return null;
  }
}

export function step(state: Deployment, input: Input, now: Millis): Step {
  switch (input.type) {
    case "granted":
      return state.status === "queued" ? attempt(state, 1, now + COMPILE_MS, "slot granted", now) : illegal;
    case "claim": {
      if (state.status !== "compiling") return illegal;
      if (state.attempt !== input.attempt || state.claimed) return notHolder;
      return quiet({ ...state, claimed: true, until: now + LEASE_MS });
    }
    case "heartbeat": {
      if (state.status !== "compiling") return illegal;
      if (state.attempt !== input.attempt || !state.claimed) return notHolder;
      return quiet({ ...state, until: now + LEASE_MS });
    }
    case "compiled": {
      if (state.status !== "compiling") return illegal;
      if (state.attempt !== input.attempt || !state.claimed) return notHolder;
      const { spec, seq } = state;
      const { site, hasFunctions } = input;
      const deadline = now + RELEASE_MS;
      return move(
        state,
        { spec, seq, status: "releasing", deadline, site, hasFunctions, assigning: false },
        "compiled",
        now,
        [{ kind: "publish" }],
      );
    }
    case "failed": {
      if (state.status !== "compiling") return illegal;
      if (state.attempt !== input.attempt || !state.claimed) return notHolder;
      if (input.retryable && state.attempt < MAX_ATTEMPTS) {
        return attempt(state, state.attempt + 1, state.deadline, `failed: ${input.failure.code}`, now);
      }
      return end(state, "error", input.failure, input.failure.code, now);
    }
    case "assigning":
      if (state.status !== "releasing") return illegal;
      return state.assigning ? nothing : quiet({ ...state, assigning: true });
    case "released": {
      if (state.status !== "releasing") return illegal;
      const { spec, seq, site, hasFunctions } = state;
      return move(
        state,
        { spec, seq, status: "ready", site, hasFunctions, readyAt: now },
        "released",
        now,
        ENDING,
      );
    }
    case "cancel":
      // Once a pointer may name it, taking it back would be a rollback, which is somebody's decision.
      if (isFinished(state.status) || (state.status === "releasing" && state.assigning)) return illegal;
      return end(state, "canceled", CANCELED, "canceled", now);
    case "supersede":
      if (state.status !== "queued") return illegal;
      return end(state, "canceled", superseded(input.by), "superseded", now);
    case "tick":
      return tick(state, now);
  }
}

function tick(state: Deployment, now: Millis): Step {
  const due = dueAt(state);
  if (due === null || now < due) return nothing;
  switch (state.status) {
    case "queued":
      return end(state, "error", QUEUE_TIMEOUT, "queue_timeout", now);
    case "releasing":
      return end(state, "error", RELEASE_TIMEOUT, "release_timeout", now);
    case "compiling":
      if (now < state.deadline && !state.claimed) {
        // Nobody has tried yet. An earlier poke that comes late is as good as this one: the first claim wins.
        const effects: Effect[] = [{ kind: "dispatch", attempt: state.attempt }];
        return { ok: true, state: { ...state, until: now + CLAIM_MS }, effects, event: null };
      }
      if (now < state.deadline && state.attempt < MAX_ATTEMPTS) {
        return attempt(state, state.attempt + 1, state.deadline, "attempt lapsed", now);
      }
      return end(state, "error", COMPILE_TIMEOUT, "compile_timeout", now);
    case "ready":
    case "error":
    case "canceled":
      return nothing;
  }
}

const ENDING: Effect[] = [{ kind: "release-slot" }, { kind: "finish-log" }];

function attempt(from: Deployment, number: number, deadline: Millis, cause: string, now: Millis): Step {
  const { spec, seq } = from;
  const until = now + CLAIM_MS;
  return move(
    from,
    { spec, seq, status: "compiling", deadline, attempt: number, claimed: false, until },
    cause,
    now,
    [{ kind: "dispatch", attempt: number }],
  );
}

function end(
  from: Deployment,
  status: "error" | "canceled",
  failure: Failure,
  cause: string,
  now: Millis,
): Step {
  const { spec, seq } = from;
  return move(from, { spec, seq, status, failure, endedAt: now }, cause, now, ENDING);
}

function move(from: Deployment, to: Deployment, cause: string, now: Millis, effects: Effect[]): Step {
  const seq = from.seq + 1;
  const event: Event = { seq, from: from.status, to: to.status, cause, at: now };
  return { ok: true, state: { ...to, seq }, effects, event };
}

/** A change that no reader of the history cares for. */
const quiet = (state: Deployment): Step => ({ ok: true, state, effects: [], event: null });

const CANCELED: Failure = {
  code: "canceled",
  detail: "The deployment was canceled.",
  fix: "Deploy again, or redeploy it.",
};
const superseded = (by: string): Failure => ({
  code: "superseded",
  detail: `A newer commit of the same branch came before this one was started: ${by}.`,
  fix: "Look at the newer deployment, or redeploy this one.",
});
const QUEUE_TIMEOUT: Failure = {
  code: "queue_timeout",
  detail: "No slot of the team became free in time.",
  fix: "Cancel deployments that are no longer needed, then deploy again.",
};
const COMPILE_TIMEOUT: Failure = {
  code: "compile_timeout",
  detail: "The output was not compiled in time, after several attempts.",
  fix: "Deploy again; if it happens again, deploy fewer or smaller files.",
};
const RELEASE_TIMEOUT: Failure = {
  code: "release_timeout",
  detail: "The deployment could not be released in time.",
  fix: "Deploy again, or promote it by a redeploy.",
};
