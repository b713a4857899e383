/**
 * The pointer: which deployment a (project, target) serves. The only mutable fact in serving.
 *
 *     assign   a finished deployment takes the target, unless a rollback holds it or a newer one is live
 *     promote  someone chooses a deployment; a hold ends
 *     rollout  a share of the visitors goes to a second deployment, the canary; all of them: a promote
 *     advance  a canary that grows by stages goes on to its next; behind the last, it is live
 *     abort    a rollout ends: everybody is back on what is live
 *     rollback someone goes back: out of a rollout, else to what was live before. The latter holds until a promote
 *     forget   a deployment is removed from the history; refused while it is served
 *
 * Every change of what is served raises the epoch by one. The rules know neither who calls nor where it is stored.
 */
import type { Millis } from "#core/time.ts";
import { begun, byHand, type Plan, type Rolling, stageEnds } from "./rolling.ts";

export const POINTER_VERSION = 1;
export const PREVIOUS_LIMIT = 20;

/** All that the edge needs to serve a deployment. */
export interface Release {
  deployment: string;
  /** Digest of its site. */
  site: string;
  /** When the deployment was created; the files' `last-modified`, and the order of releases. */
  createdAt: Millis;
}

/** A share of the visitors; who is among them is decided by `bucketOf`. */
export interface Canary {
  release: Release;
  /** From 1 to 99. */
  percent: number;
  /** Another for each canary, so that it is not the same visitors who try everything first. */
  salt: string;
  /** Absent: it grows by hand, and nobody watches it. */
  rolling?: Rolling;
}

export interface Pointer {
  v: typeof POINTER_VERSION;
  /** 0 before the first release. */
  epoch: number;
  /** Owner of the blobs that the site names. */
  team: string;
  live: Release | null;
  /** Never without something live. Absent: there is none. */
  canary?: Canary;
  /** A rollback sticks: finished deployments do not take the target while it is set. */
  held: boolean;
  /** What was live before, newest first, without repeats and without the live one. */
  previous: Release[];
  /** Finished while a hold or a newer deployment kept them from going live; newest first. */
  waiting: Release[];
  updatedAt: Millis;
}

export type PointerEvent =
  /** @property plan Goes before `percent`. */
  | { type: "assign"; release: Release; percent?: number | undefined; plan?: Plan | undefined }
  | { type: "promote"; release: Release; ifEpoch?: number | undefined; plan?: Promotion | undefined }
  | { type: "rollout"; release: Release | null; percent: number; ifEpoch?: number | undefined }
  | { type: "advance"; ifEpoch?: number | undefined }
  | { type: "abort"; ifEpoch?: number | undefined }
  | { type: "rollback"; release: Release | null; ifEpoch?: number | undefined }
  | { type: "forget"; deployment: string; replacement: Release | null };

/** By which stages; `isDefault`: nobody asked for them, so they do not begin again for what is rolled out already. */
type Promotion = Plan & { isDefault: boolean };

export type PointerStep =
  | { ok: true; changed: boolean; state: Pointer }
  | { ok: false; reason: "stale-epoch" | "nothing-before" | "no-canary" | "no-stages" | "live" };

export const emptyPointer = (team: string, now: Millis): Pointer => ({
  v: POINTER_VERSION,
  epoch: 0,
  team,
  live: null,
  held: false,
  previous: [],
  waiting: [],
  updatedAt: now,
});

export function step(state: Pointer, event: PointerEvent, now: Millis): PointerStep {
  switch (event.type) {
    case "assign": {
      const { release, percent = 100, plan } = event;
      // It was told before: a rollout that was moved or ended since does not begin again.
      if (known(state, release.deployment)) return { ok: true, changed: false, state };
      if (state.held || !isNewest(state, release)) return wait(state, release, now);
      return plan ? roll(state, release, plan, now) : rollout(state, release, percent, now);
    }
    case "promote": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
      const { release, plan } = event;
      const isUnderWay = state.canary?.release.deployment === release.deployment;
      const isLive = state.live?.deployment === release.deployment;
      if (!plan || isLive || (plan.isDefault && isUnderWay)) return live(state, release, false, now);
      return roll(state, release, plan, now);
    }
    case "rollout": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
      const release = event.release ?? state.canary?.release;
      return release ? rollout(state, release, event.percent, now) : { ok: false, reason: "no-canary" };
    }
    case "advance": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
      if (!state.canary) return { ok: false, reason: "no-canary" };
      const { rolling } = state.canary;
      return rolling ? advance(state, state.canary, rolling, now) : { ok: false, reason: "no-stages" };
    }
    case "abort": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
      if (!state.canary) return { ok: false, reason: "no-canary" };
      return { ok: true, changed: true, state: revert(state, now) };
    }
    case "rollback": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
      if (state.canary && !event.release) return { ok: true, changed: true, state: revert(state, now) };
      const target = event.release ?? before(state);
      if (!target) return { ok: false, reason: "nothing-before" };
      return live(state, target, true, now);
    }
    case "forget": {
      const { deployment, replacement } = event;
      if (state.live?.deployment === deployment) {
        if (!replacement || replacement.deployment === deployment) return { ok: false, reason: "live" };
        const moved = live(state, replacement, state.held, now);
        return moved.ok ? { ...moved, state: without(moved.state, deployment) } : moved;
      }
      if (state.canary?.release.deployment === deployment) {
        if (!replacement || replacement.deployment === deployment) return { ok: false, reason: "live" };
        return { ok: true, changed: true, state: without(revert(state, now), deployment) };
      }
      const left = without(state, deployment);
      return { ok: true, changed: !!known(state, deployment), state: left };
    }
  }
}

/** When the rollout is to be advanced by itself, or `null`. */
export const dueAt = ({ canary }: Pointer): Millis | null =>
  canary?.rolling ? stageEnds(canary.rolling) : null;

/** The release that a request which names this deployment may be pinned to. */
export function known(state: Pointer, deployment: string): Release | undefined {
  if (state.live?.deployment === deployment) return state.live;
  if (state.canary?.release.deployment === deployment) return state.canary.release;
  return [...state.previous, ...state.waiting].find((release) => release.deployment === deployment);
}

/**
 * Whether a deployment that this reading does not know may have gone live since: ids sort by creation. A client that was
 * given it elsewhere must not be given what was live before it.
 */
export const isLater = ({ live }: Pointer, deployment: string): boolean =>
  live !== null && deployment > live.deployment;

/** What a reader holds on to of two readings: copies lag, and none of them may turn time back. */
export const newest = (held: Pointer | null, found: Pointer | null): Pointer | null =>
  held && found && found.epoch < held.epoch ? held : found;

/** Where a rollback without a name goes: what was live before; a second one goes further back, not forth again. */
function before(state: Pointer): Release | undefined {
  const { live, held, previous } = state;
  return live && held ? previous.find((release) => isNewer(live, release)) : previous[0];
}

/** Creation decides, not completion: a slow old build must not take over from a quick new one. */
const isNewer = (a: Release, b: Release): boolean =>
  a.createdAt !== b.createdAt ? a.createdAt > b.createdAt : a.deployment > b.deployment;

/** Neither what is live nor what is on its way there is newer. */
const isNewest = ({ live, canary }: Pointer, release: Release): boolean =>
  (!live || isNewer(release, live)) && (!canary || isNewer(release, canary.release));

const isStale = (state: Pointer, ifEpoch: number | undefined): boolean =>
  ifEpoch !== undefined && ifEpoch !== state.epoch;

const without = (state: Pointer, deployment: string): Pointer => ({
  ...state,
  previous: state.previous.filter((release) => release.deployment !== deployment),
  waiting: state.waiting.filter((release) => release.deployment !== deployment),
});

function live(state: Pointer, release: Release, held: boolean, now: Millis): PointerStep {
  const { canary, ...alone } = state;
  if (state.live?.deployment === release.deployment) {
    if (canary) return { ok: true, changed: true, state: { ...revert(state, now), held } };
    const changed = state.held !== held;
    return { ok: true, changed, state: changed ? { ...state, held, updatedAt: now } : state };
  }
  const rest = without(canary ? remember(alone, canary.release) : alone, release.deployment);
  const previous = (state.live ? [state.live, ...rest.previous] : rest.previous).slice(0, PREVIOUS_LIMIT);
  return {
    ok: true,
    changed: true,
    state: { ...rest, epoch: state.epoch + 1, live: release, held, previous, updatedAt: now },
  };
}

/** By stages from the first; it is live at once when that is of everybody, or when nothing else is. */
function roll(state: Pointer, release: Release, plan: Plan, now: Millis): PointerStep {
  const percent = plan.stages[0]?.percent ?? 100;
  return rollout(state, release, percent, now, begun(plan, now));
}

function advance(state: Pointer, canary: Canary, rolling: Rolling, now: Millis): PointerStep {
  const stage = rolling.stage + 1;
  const percent = rolling.stages[stage]?.percent ?? 100;
  return rollout(state, canary.release, percent, now, { ...rolling, stage, since: now });
}

/**
 * A canary that follows another takes its place; the same one keeps its salt, so that who is in it stays in it.
 *
 * @param rolling The stage that this share is of; without, it is set by hand.
 */
function rollout(
  state: Pointer,
  release: Release,
  percent: number,
  now: Millis,
  rolling?: Rolling,
): PointerStep {
  if (percent >= 100 || !state.live) return live(state, release, false, now);
  const { canary, ...alone } = state;
  const isSame = canary?.release.deployment === release.deployment;
  if (percent <= 0) {
    return isSame
      ? { ok: true, changed: true, state: revert(state, now) }
      : { ok: false, reason: "no-canary" };
  }
  // Everybody has it already.
  if (state.live.deployment === release.deployment) return { ok: false, reason: "live" };
  const watched = isSame ? canary.rolling : undefined;
  if (isSame && canary.percent === percent && !watched && !rolling)
    return { ok: true, changed: false, state };
  const rest = without(canary && !isSame ? remember(alone, canary.release) : alone, release.deployment);
  const salt = isSame ? canary.salt : `${release.deployment}.${state.epoch + 1}`;
  const staged = rolling ?? (watched && byHand(watched, percent, now));
  const next: Canary = { release, percent, salt, ...(staged ? { rolling: staged } : {}) };
  return {
    ok: true,
    changed: true,
    state: { ...rest, epoch: state.epoch + 1, canary: next, updatedAt: now },
  };
}

/** Everybody is back on what is live; who is in the middle of something may still name the canary. */
function revert(state: Pointer, now: Millis): Pointer {
  const { canary, ...alone } = state;
  return canary ? { ...remember(alone, canary.release), epoch: state.epoch + 1, updatedAt: now } : state;
}

/** A finished deployment that does not go live is still one that a client may be pinned to. */
function wait(state: Pointer, release: Release, now: Millis): PointerStep {
  if (known(state, release.deployment)) return { ok: true, changed: false, state };
  return { ok: true, changed: true, state: { ...remember(state, release), updatedAt: now } };
}

const remember = (state: Pointer, release: Release): Pointer => ({
  ...state,
  waiting: [release, ...state.waiting.filter((one) => one.deployment !== release.deployment)]
    .sort((a, b) => (isNewer(a, b) ? -1 : 1))
    .slice(0, PREVIOUS_LIMIT),
});
