/**
 * A team's slots: how many deployments are worked on at once. Production goes first, then first come first served.
 * A newer commit of a branch supersedes its queued siblings, never one that was started, so quick pushes can't starve.
 */
import { MINUTE, type Millis } from "#core/time.ts";

export const CONCURRENCY = 12;
/** Longer than a deployment can live unfinished, so it only ever takes back what a lost holder left. */
export const SLOT_MS = 120 * MINUTE;

export interface Request {
  deployment: string;
  project: string;
  production: boolean;
  branch: string | null;
  createdAt: Millis;
}

export interface Slots {
  /** Deployment → until when it may hold its slot. */
  held: Record<string, Millis>;
  /** In the order in which they will be granted. */
  waiting: Request[];
}

export const noSlots: Slots = { held: {}, waiting: [] };

export type SlotEffect =
  | { kind: "grant"; deployment: string }
  | { kind: "supersede"; deployment: string; by: string };

export interface SlotStep {
  state: Slots;
  effects: SlotEffect[];
}

export type SlotEvent =
  | { type: "request"; request: Request }
  | { type: "release"; deployment: string }
  | { type: "tick" };

export const dueAt = (state: Slots): Millis | null => {
  const until = Object.values(state.held);
  return until.length > 0 ? Math.min(...until) : null;
};

export function step(state: Slots, event: SlotEvent, now: Millis): SlotStep {
  switch (event.type) {
    case "request": {
      const { request } = event;
      if (request.deployment in state.held)
        return { state, effects: [{ kind: "grant", deployment: request.deployment }] };
      const others = state.waiting.filter((one) => one.deployment !== request.deployment);
      const { waiting, superseded } = supersede([...others, request]);
      return grant({ ...state, waiting }, superseded, now);
    }
    case "release": {
      const { [event.deployment]: _, ...held } = state.held;
      const waiting = state.waiting.filter((one) => one.deployment !== event.deployment);
      return grant({ held, waiting }, [], now);
    }
    case "tick": {
      const held = Object.fromEntries(Object.entries(state.held).filter(([, until]) => until > now));
      return grant({ ...state, held }, [], now);
    }
  }
}

function grant(state: Slots, effects: SlotEffect[], now: Millis): SlotStep {
  const free = Math.max(0, CONCURRENCY - Object.keys(state.held).length);
  const next = state.waiting.slice(0, free);
  const held = { ...state.held, ...Object.fromEntries(next.map((one) => [one.deployment, now + SLOT_MS])) };
  return {
    state: { held, waiting: state.waiting.slice(free) },
    effects: [...effects, ...next.map((one) => ({ kind: "grant" as const, deployment: one.deployment }))],
  };
}

/** Of each branch only the newest waits on; the rest are told by which one they were superseded. */
function supersede(requests: Request[]): { waiting: Request[]; superseded: SlotEffect[] } {
  const newest = new Map<string, Request>();
  for (const one of requests) {
    const key = siblings(one);
    const other = key === null ? undefined : newest.get(key);
    if (key !== null && (!other || isAfter(one, other))) newest.set(key, one);
  }
  const waiting: Request[] = [];
  const superseded: SlotEffect[] = [];
  for (const one of requests) {
    const by = newest.get(siblings(one) ?? "");
    if (!by || by === one) waiting.push(one);
    else superseded.push({ kind: "supersede", deployment: one.deployment, by: by.deployment });
  }
  return { waiting: waiting.sort(order), superseded };
}

const siblings = (one: Request): string | null =>
  one.branch && `${one.project} ${one.production} ${one.branch}`;

const isAfter = (a: Request, b: Request): boolean =>
  a.createdAt !== b.createdAt ? a.createdAt > b.createdAt : a.deployment > b.deployment;

const order = (a: Request, b: Request): number =>
  a.production !== b.production ? (a.production ? -1 : 1) : isAfter(a, b) ? 1 : -1;
