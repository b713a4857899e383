/**
 * What this isolate has learnt of each region: from probes, and from the requests that it sent there. Custody of
 * features/regions' rules; an ingress at another address is another one, of which nothing is known.
 */
import type { IngressFault } from "@cloudify/protocol";
import { type Millis, SECOND } from "#core/time.ts";
import {
  admission,
  type Breaker,
  closed,
  enter,
  failed,
  passed,
  recovered,
} from "#features/regions/breaker.ts";
import * as health from "#features/regions/health.ts";
import type { Candidate, Standing } from "#features/regions/select.ts";
import type { Region } from "../resolution/regions.ts";

interface State {
  health: health.Health;
  breaker: Breaker;
}

/** How long a region is left alone that has said that it can't serve a workload at the moment. */
const LACKING_MS: Partial<Record<IngressFault, Millis>> = {
  absent: 5 * SECOND,
  draining: 5 * SECOND,
  starting: SECOND,
  unreachable: SECOND,
};
const MAX_LACKING = 10_000;

const states = new Map<string, State>();
/** Region and workload → until when. */
const lacking = new Map<string, Millis>();

const keyOf = ({ id, ingress }: Region): string => `${id} ${ingress}`;

function stateOf(region: Region): State {
  const held = states.get(keyOf(region));
  if (held) return held;
  for (const key of states.keys()) if (key.startsWith(`${region.id} `)) states.delete(key);
  const fresh: State = { health: health.unknown, breaker: closed };
  states.set(keyOf(region), fresh);
  return fresh;
}

/** @param isFit Whether the request may be a trial: one that can be repeated elsewhere. */
export function candidateOf<T extends Region>(
  region: T,
  workload: string,
  isFit: boolean,
  now: Millis,
): Omit<Candidate, "isFailover"> & { region: T } {
  const { id, latitude, longitude, weight } = region;
  const { load } = stateOf(region).health;
  const standing = standingOf(region, workload, isFit, now);
  return { id, latitude, longitude, weight, load, standing, region };
}

function standingOf(region: Region, workload: string, isFit: boolean, now: Millis): Standing {
  const state = stateOf(region);
  const admitted = admission(state.breaker, now);
  if (state.health.isDown || admitted === "shut" || (admitted === "trial" && !isFit)) return "down";
  if (now < (lacking.get(`${region.id} ${workload}`) ?? 0)) return "lacking";
  return region.isDraining || region.weight <= 0 ? "reserve" : "ready";
}

export const healthOf = (region: Region): health.Health => stateOf(region).health;

/** A request goes there. */
export function entered(region: Region, now: Millis): void {
  const state = stateOf(region);
  state.breaker = enter(state.breaker, now);
}

/** The ingress has answered a request, whatever it said. */
export function heard(region: Region, workload: string, fault: IngressFault | null, now: Millis): void {
  const state = stateOf(region);
  state.health = health.answered(state.health);
  state.breaker = passed(state.breaker, now);
  const key = `${region.id} ${workload}`;
  const ms = fault && LACKING_MS[fault];
  if (!ms) {
    lacking.delete(key);
    return;
  }
  if (lacking.size > MAX_LACKING) lacking.clear();
  lacking.set(key, now + ms);
}

/** A request came to nothing there. */
export function lost(region: Region, now: Millis): void {
  const state = stateOf(region);
  state.health = health.doubted(state.health);
  state.breaker = failed(state.breaker, now, Math.random());
}

/** A request waits there for longer than is usual. */
export function doubt(region: Region): void {
  const state = stateOf(region);
  state.health = health.doubted(state.health);
}

/** @returns Whether a probe is due; then whoever asks sends it. */
export function takeProbe(region: Region, now: Millis): boolean {
  const state = stateOf(region);
  if (!health.isProbeDue(state.health, now)) return false;
  state.health = health.probing(state.health, now);
  return true;
}

/** @param load What it said of its load, or `false` when it did not answer. */
export function probed(region: Region, load: number | null | false, now: Millis): void {
  const state = stateOf(region);
  const wasDown = state.health.isDown;
  state.health = load === false ? health.missed(state.health) : health.answered(state.health, load);
  if (wasDown && !state.health.isDown) state.breaker = recovered(state.breaker, now);
}
