/** Who is trusted, and who is not: what the rules have made of all ends of processes that this isolate has heard of. */
import type { Millis } from "#core/time.ts";
import {
  type Circuits,
  ended,
  forgive,
  mayShare,
  noCircuits,
  type Place,
  type Placement,
  place,
} from "#features/functions/circuit.ts";
import {
  acquitted,
  culpritOf,
  type Doubt,
  doubt,
  doubted,
  type Presence,
  type Reason,
  suspectsOf,
} from "#features/functions/suspects.ts";

let circuits: Circuits = noCircuits;
/** Of ends of `main` that nobody was proved to have caused. */
let unexplained: Doubt | null = null;

export function placeOf(code: string, now: Millis): Placement {
  circuits = forgive(circuits, now);
  return place(circuits, code, now);
}

/** Whether its stream keeps its process, in quarantine. */
export const keepsProcess = (code: string): boolean => mayShare(circuits, code);

/** A process that ended. */
export interface Fallen {
  /** Who was in it. */
  all: readonly Presence[];
  /** When it was last seen, which may be long ago. */
  at: Millis;
}

/** @param now From when on suspects are held. */
export function judge(where: Place, { all, at }: Fallen, why: Reason, now: Millis): void {
  const isBlamed = why !== "retired" && why !== "start";
  const culprit = where === "quarantine" && isBlamed ? culpritOf(all) : null;
  const suspects = culprit === null ? suspectsOf(all, why, at) : new Set([culprit]);
  if (culprit !== null && unexplained?.codes.has(culprit)) unexplained = null;
  if (where === "main" && why === "silence") {
    unexplained = doubt(unexplained, all, suspects, at);
    for (const one of doubted(unexplained)) suspects.add(one);
  }
  circuits = ended(circuits, where, suspects, new Set(culprit === null ? [] : [culprit]), now);
}

/** It has run in quarantine, and its process goes on. */
export function acquit(code: string): void {
  if (unexplained) unexplained = acquitted(unexplained, code);
}
