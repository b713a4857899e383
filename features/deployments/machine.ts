/**
 * A deployment's life, from the moment its files are uploaded.
 *
 *     queued ─granted→ building ─built→ compiling ─compiled→ releasing ─released→ ready
 *        │  └──────(an output)────────→ │  ├─unclaimed─→ compiling (the same attempt, asked for again)
 *        │               │              │  └─lapsed─→ compiling (next attempt, at most MAX_ATTEMPTS)
 *        │               └─region lost─→ building (next attempt, at most MAX_BUILDS, another region first)
 *        │               │              │                 │
 *        └───────────────┴──────────────┴─────────────────┴──→ error | canceled
 *
 * Releasing waits for regions first when it has workloads, then gives the pointers. Every state that is not the end has
 * a deadline; only a release that pointers may have taken is finished rather than given up. The rules know neither the
 * clock nor who does what they owe.
 */
import { MINUTE, type Millis, SECOND } from "#core/time.ts";
import {
  BUILD_TIMEOUT,
  BUILDERS_BUSY,
  CANCELED,
  COMPILE_TIMEOUT,
  type Failure,
  NO_AGENT,
  NO_REGION,
  noBuilder,
  notHealthy,
  QUEUE_TIMEOUT,
  RELEASE_TIMEOUT,
  superseded,
} from "./failures.ts";
import { answered, beginPlacing, countedOf, type Placing, readyOf, silenced, verdictOf } from "./placing.ts";
import type {
  Building,
  Deployment,
  Effect,
  Event,
  In,
  Input,
  Released,
  Spec,
  Status,
  Step,
} from "./state.ts";

export const MAX_ATTEMPTS = 4;
export const MAX_BUILDS = 3;
export const QUEUE_MS = 60 * MINUTE;
/** Without a live region that builds, a build is given up after this. In the line of one it waits for longer. */
export const AGENT_MS = 10 * MINUTE;
/** Of one build; the agent ends it then. */
export const BUILD_MS = 45 * MINUTE;
/** For the agent to say that it has ended. */
const BUILD_GRACE_MS = MINUTE;
/** For all attempts together. */
export const BUILDING_MS = 90 * MINUTE;
/** A build that no agent has begun is offered again after this: a region may come, be lost, or have room. */
export const OFFER_MS = 5 * SECOND;
/** For all attempts together. */
export const COMPILE_MS = 15 * MINUTE;
/** Until enough regions run it. */
export const PLACE_MS = 5 * MINUTE;
export const RELEASE_MS = 2 * MINUTE;
/** A task that nobody claimed in this time is asked for again: the poke was lost, or stands in a long queue. */
export const CLAIM_MS = 20 * SECOND;
/** A claimed task is given up when its holder has been silent for this long. */
export const LEASE_MS = 60 * SECOND;

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
      return state.deadline;
    case "building":
      return Math.min(state.deadline, state.until, state.offerAt ?? state.until);
    case "compiling":
      return Math.min(state.deadline, state.until);
    case "releasing":
      return Math.min(state.deadline, state.placing?.settleAt ?? state.deadline);
    case "ready":
    case "error":
    case "canceled":
      return null;
  }
}

export function step(state: Deployment, input: Input, now: Millis): Step {
  switch (input.type) {
    case "granted": {
      if (state.status !== "queued") return illegal;
      const { manifest } = state.spec;
      return manifest === null
        ? build(state, { attempt: 1, lost: [], deadline: now + BUILDING_MS }, "slot granted", now)
        : attempt(state, { manifest, number: 1, deadline: now + COMPILE_MS }, "slot granted", now);
    }
    case "offered":
    case "build-claimed":
    case "built":
    case "build-failed":
      if (state.status !== "building") return illegal;
      return state.attempt === input.attempt ? building(state, input, now) : notHolder;
    case "unbuildable": {
      if (state.status !== "building") return illegal;
      if (state.attempt !== input.attempt) return notHolder;
      if (state.claimed) return nothing;
      const failure = noBuilder(input.shared);
      return end(state, "error", failure, failure.code, now);
    }
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
      return release(state, input, now);
    }
    case "failed": {
      if (state.status !== "compiling") return illegal;
      if (state.attempt !== input.attempt || !state.claimed) return notHolder;
      if (input.retryable && state.attempt < MAX_ATTEMPTS) {
        return attempt(state, next(state), `failed: ${input.failure.code}`, now);
      }
      return end(state, "error", input.failure, input.failure.code, now);
    }
    case "placed": {
      if (state.status === "ready") return nothing;
      if (state.status !== "releasing") return illegal;
      // Enough were ready before, or it is none of its regions.
      if (!state.placing?.regions.includes(input.region)) return nothing;
      const placing = answered(state.placing, input.region, input.ok ? null : input.detail, now);
      return settle({ ...state, placing }, placing, now);
    }
    case "unheard": {
      if (state.status !== "releasing") return nothing;
      const { region, isGone } = input;
      if (!state.placing?.regions.includes(region)) return nothing;
      const placing = isGone
        ? answered(state.placing, region, "the region is not there any more", now)
        : silenced(state.placing, region);
      return settle({ ...state, placing }, placing, now);
    }
    case "assigning":
      if (state.status !== "releasing" || state.placing) return illegal;
      return state.assigning ? nothing : quiet({ ...state, assigning: true });
    case "released": {
      if (state.status !== "releasing" || state.placing) return illegal;
      const { spec, seq, site, hasFunctions, workloads, pinned, failover } = state;
      const released = { site, hasFunctions, workloads, pinned, failover };
      const ready = { spec, seq, status: "ready", ...released, readyAt: now } as const;
      return move(state, ready, "released", now, ENDING);
    }
    case "cancel":
      // Once a pointer may name it, taking it back would be a rollback, which is somebody's decision.
      if (isFinished(state.status) || (state.status === "releasing" && state.assigning)) return illegal;
      return end(state, "canceled", CANCELED, "canceled", now);
    case "supersede":
      if (state.status !== "queued") return illegal;
      return end(state, "canceled", superseded(input.by), "superseded", now);
    case "tick":
      return tick(state, input.said ?? {}, now);
  }
}

type OfBuild = Extract<Input, { type: "offered" | "build-claimed" | "built" | "build-failed" }>;

/** What a region, or who offers to them, says of the attempt at hand. Once one has begun it, no other is heard. */
function building(state: In<"building">, input: OfBuild, now: Millis): Step {
  if (input.type !== "offered" && state.claimed && input.region !== state.region) return notHolder;
  switch (input.type) {
    case "offered":
      return state.claimed ? nothing : offered(state, input, now);
    case "build-claimed": {
      const { region, name } = input;
      if (state.claimed) return nothing;
      const until = now + BUILD_MS + BUILD_GRACE_MS;
      const spec = { ...state.spec, names: { ...state.spec.names, [region]: name } };
      const claimed = { ...state, spec, region, claimed: true, until, offerAt: null };
      return move(state, claimed, `begun in ${name}`, now, []);
    }
    case "built": {
      const { manifest, bytes, fileCount } = input;
      const { regions } = state.spec;
      const from = {
        ...state,
        spec: { ...state.spec, regions: regions.length > 0 ? regions : [input.region] },
      };
      const first = attempt(from, { manifest, number: 1, deadline: now + COMPILE_MS }, "built", now);
      // An offer whose answer was lost may wait in another region still.
      const noted = owing(first, { kind: "note-output", manifest, bytes, fileCount });
      return owing(noted, { kind: "withdraw" });
    }
    case "build-failed": {
      const { failure } = input;
      if (!input.retryable || state.attempt === MAX_BUILDS) {
        return end(state, "error", failure, failure.code, now);
      }
      const lost = [...state.lost, input.region];
      const again = { attempt: state.attempt + 1, lost, deadline: state.deadline };
      return build(state, again, `failed: ${failure.code}`, now);
    }
  }
}

/** Readers are told once that it waits. */
function offered(
  state: In<"building">,
  { region, isWaiting }: Extract<Input, { type: "offered" }>,
  now: Millis,
): Step {
  const offerAt = now + OFFER_MS;
  const to = { ...state, region, isWaiting: isWaiting || state.isWaiting, until: now + AGENT_MS, offerAt };
  return to.isWaiting && !state.isWaiting ? move(state, to, "waits for a free builder", now, []) : quiet(to);
}

/** Regions first, when it needs them. */
function release(state: In<"compiling">, compiled: Released, now: Millis): Step {
  const { spec, seq } = state;
  const { site, hasFunctions, workloads } = compiled;
  const about = { site, hasFunctions, workloads, assigning: false };
  const released = { spec, seq, status: "releasing", ...about } as const;
  const groups = Object.keys(workloads);
  if (groups.length === 0) {
    const to = { ...released, pinned: {}, failover: {}, placing: null, deadline: now + RELEASE_MS };
    return move(state, to, "compiled", now, [{ kind: "publish" }]);
  }
  const own = groups.map((group): [string, string[]] => [group, compiled.pinned[group] ?? spec.regions]);
  if (own.some(([, set]) => set.length === 0)) return end(state, "error", NO_REGION, NO_REGION.code, now);
  const used = new Set(own.flatMap(([, set]) => set));
  const regions = [...new Set([...spec.regions, ...used])].filter((region) => used.has(region));
  // What ran wherever the deployment does is pinned, too, if another group brings a further region.
  const pinned = Object.fromEntries(own.filter(([, set]) => set.length < regions.length));
  const behind = spec.failover.length > 0 ? groups.filter((group) => !compiled.pinned[group]) : [];
  const failover = Object.fromEntries(behind.map((group) => [group, spec.failover]));
  const sets = own.map(([group, set]) => countedOf(set, failover[group] ?? []));
  const placing = beginPlacing(regions, sets, spec.policy);
  const where = { pinned, failover, spec: { ...spec, regions } };
  const to = { ...released, ...where, placing, deadline: now + PLACE_MS };
  return move(state, to, "compiled", now, [{ kind: "place", workloads, pinned }]);
}

/** @param said What those that have not answered last said. */
function settle(
  state: In<"releasing">,
  placing: Placing,
  now: Millis,
  said: Record<string, string> = {},
): Step {
  switch (verdictOf(placing, now, now >= state.deadline)) {
    case "wait":
      return quiet(state);
    case "go": {
      const to = { ...state, placing: null, deadline: now + RELEASE_MS };
      const where = readyOf(placing).map(nameIn(state.spec)).join(", ");
      return move(state, to, `ready in ${where}`, now, [{ kind: "publish" }]);
    }
    case "fail": {
      const failure = notHealthy(placing, said, nameIn(state.spec));
      return end(state, "error", failure, failure.code, now);
    }
  }
}

/** Whether its next tick gives up on regions: what they last said is then told. */
export const isLastLook = (state: Deployment, now: Millis): boolean =>
  state.status === "releasing" && state.placing !== null && now >= state.deadline;

function tick(state: Deployment, said: Record<string, string>, now: Millis): Step {
  const due = dueAt(state);
  if (due === null || now < due) return nothing;
  switch (state.status) {
    case "queued":
      return end(state, "error", QUEUE_TIMEOUT, "queue_timeout", now);
    case "building": {
      if (now >= Math.min(state.deadline, state.until)) {
        const failure = state.claimed ? BUILD_TIMEOUT : now < state.until ? BUILDERS_BUSY : NO_AGENT;
        return end(state, "error", failure, failure.code, now);
      }
      return owing(quiet({ ...state, offerAt: now + OFFER_MS }), {
        kind: "queue-build",
        attempt: state.attempt,
      });
    }
    case "compiling":
      if (now < state.deadline && !state.claimed) {
        // Nobody has tried yet. An earlier poke that comes late is as good as this one: the first claim wins.
        return owing(quiet({ ...state, until: now + CLAIM_MS }), {
          kind: "dispatch",
          attempt: state.attempt,
        });
      }
      if (now < state.deadline && state.attempt < MAX_ATTEMPTS) {
        return attempt(state, next(state), "attempt lapsed", now);
      }
      return end(state, "error", COMPILE_TIMEOUT, "compile_timeout", now);
    case "releasing":
      if (state.placing) return settle(state, state.placing, now, said);
      // Visitors may be there already: it is given to the rest of the pointers for as long as that takes.
      if (state.assigning) return quiet({ ...state, deadline: now + RELEASE_MS });
      return end(state, "error", RELEASE_TIMEOUT, "release_timeout", now);
    case "ready":
    case "error":
    case "canceled":
      return nothing;
  }
}

const nameIn =
  ({ names }: Spec) =>
  (region: string): string =>
    names[region] ?? region;

const ENDING: Effect[] = [{ kind: "release-slot" }, { kind: "finish-log" }];

function build(
  from: Deployment,
  { attempt: number, lost, deadline }: Pick<Building, "attempt" | "lost" | "deadline">,
  cause: string,
  now: Millis,
): Step {
  const { spec, seq } = from;
  const times = { until: now + AGENT_MS, offerAt: now + OFFER_MS };
  const waiting = { region: null, claimed: false, isWaiting: false, ...times };
  const to = { spec, seq, status: "building", deadline, attempt: number, lost, ...waiting } as const;
  return move(from, to, cause, now, [{ kind: "queue-build", attempt: number }]);
}

const next = ({ manifest, attempt: number, deadline }: In<"compiling">) => ({
  manifest,
  number: number + 1,
  deadline,
});

function attempt(
  from: Deployment,
  { manifest, number, deadline }: { manifest: string; number: number; deadline: Millis },
  cause: string,
  now: Millis,
): Step {
  const { spec, seq } = from;
  const unclaimed = { attempt: number, claimed: false, until: now + CLAIM_MS };
  return move(from, { spec, seq, status: "compiling", deadline, manifest, ...unclaimed }, cause, now, [
    { kind: "dispatch", attempt: number },
  ]);
}

function end(
  from: Deployment,
  status: "error" | "canceled",
  failure: Failure,
  cause: string,
  now: Millis,
): Step {
  const { spec, seq } = from;
  return move(from, { spec, seq, status, failure, endedAt: now }, cause, now, [...leaving(from), ...ENDING]);
}

/** What regions are told of one that is given up. */
function leaving(from: Deployment): Effect[] {
  if (from.status === "building") return [{ kind: "withdraw" }];
  const isPlaced = from.status === "releasing" && Object.keys(from.workloads).length > 0;
  return isPlaced ? [{ kind: "forget" }] : [];
}

function move(from: Deployment, to: Deployment, cause: string, now: Millis, effects: Effect[]): Step {
  const seq = from.seq + 1;
  const event: Event = { seq, from: from.status, to: to.status, cause, at: now };
  return { ok: true, state: { ...to, seq }, effects, event };
}

/** A change that no reader of the history cares for. */
const quiet = (state: Deployment): Step => ({ ok: true, state, effects: [], event: null });

const owing = (step: Step, first: Effect): Step =>
  step.ok ? { ...step, effects: [first, ...step.effects] } : step;
