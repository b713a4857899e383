/**
 * The pointer: which deployment a (project, target) serves. The only mutable fact in serving.
 *
 *     assign   a finished deployment takes the target, unless a rollback holds it or a newer one is live
 *     promote  someone chooses a deployment; a hold ends
 *     rollback someone goes back; the hold begins, and lasts until a promote
 *     forget   a deployment is removed from the history; refused while it is live
 *
 * Every change of what is live raises the epoch by one. The rules know neither who calls nor where it is stored.
 */
import type { Millis } from "#core/time.ts";

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

export interface Pointer {
  v: typeof POINTER_VERSION;
  /** 0 before the first release. */
  epoch: number;
  /** Owner of the blobs that the site names. */
  team: string;
  live: Release | null;
  /** A rollback sticks: finished deployments do not take the target while it is set. */
  held: boolean;
  /** What was live before, newest first, without repeats and without the live one. */
  previous: Release[];
  /** Finished while a hold or a newer deployment kept them from going live; newest first. */
  waiting: Release[];
  updatedAt: Millis;
}

export type PointerEvent =
  | { type: "assign"; release: Release }
  | { type: "promote"; release: Release; ifEpoch?: number | undefined }
  | { type: "rollback"; release: Release | null; ifEpoch?: number | undefined }
  | { type: "forget"; deployment: string; replacement: Release | null };

export type PointerStep =
  | { ok: true; changed: boolean; state: Pointer }
  | { ok: false; reason: "stale-epoch" | "nothing-before" | "live" };

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
      const { release } = event;
      if (state.held || (state.live && !isNewer(release, state.live))) {
        return wait(state, release, now);
      }
      return live(state, release, false, now);
    }
    case "promote": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
      return live(state, event.release, false, now);
    }
    case "rollback": {
      if (isStale(state, event.ifEpoch)) return { ok: false, reason: "stale-epoch" };
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
      const left = without(state, deployment);
      return { ok: true, changed: !!known(state, deployment), state: left };
    }
  }
}

/** The release that a request which names this deployment may be pinned to. */
export function known(state: Pointer, deployment: string): Release | undefined {
  if (state.live?.deployment === deployment) return state.live;
  return [...state.previous, ...state.waiting].find((release) => release.deployment === deployment);
}

/** Where a rollback without a name goes: what was live before; a second one goes further back, not forth again. */
function before(state: Pointer): Release | undefined {
  const { live, held, previous } = state;
  return live && held ? previous.find((release) => isNewer(live, release)) : previous[0];
}

/** Creation decides, not completion: a slow old build must not take over from a quick new one. */
const isNewer = (a: Release, b: Release): boolean =>
  a.createdAt !== b.createdAt ? a.createdAt > b.createdAt : a.deployment > b.deployment;

const isStale = (state: Pointer, ifEpoch: number | undefined): boolean =>
  ifEpoch !== undefined && ifEpoch !== state.epoch;

const without = (state: Pointer, deployment: string): Pointer => ({
  ...state,
  previous: state.previous.filter((release) => release.deployment !== deployment),
  waiting: state.waiting.filter((release) => release.deployment !== deployment),
});

function live(state: Pointer, release: Release, held: boolean, now: Millis): PointerStep {
  if (state.live?.deployment === release.deployment) {
    const changed = state.held !== held;
    return { ok: true, changed, state: changed ? { ...state, held, updatedAt: now } : state };
  }
  const rest = without(state, release.deployment);
  const previous = (state.live ? [state.live, ...rest.previous] : rest.previous).slice(0, PREVIOUS_LIMIT);
  return {
    ok: true,
    changed: true,
    state: { ...rest, epoch: state.epoch + 1, live: release, held, previous, updatedAt: now },
  };
}

/** A finished deployment that does not go live is still one that a client may be pinned to. */
function wait(state: Pointer, release: Release, now: Millis): PointerStep {
  if (known(state, release.deployment)) return { ok: true, changed: false, state };
  const waiting = [release, ...state.waiting]
    .sort((a, b) => (isNewer(a, b) ? -1 : 1))
    .slice(0, PREVIOUS_LIMIT);
  return { ok: true, changed: true, state: { ...state, waiting, updatedAt: now } };
}
