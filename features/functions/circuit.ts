/**
 * Where a function may run, after what it did to its neighbours. Local workerd enforces no CPU limit, so one that spins
 * takes its whole process down with it.
 *
 *     main ─its process ends with it in flight→ quarantine ─again→ open ─time→ quarantine ─time→ main
 *
 * In quarantine each function has a process of its own, so that a second end has one culprit, and innocent neighbours of
 * the first go home. A project of which several were proved guilty has all of its functions in quarantine for a
 * while: it could end the process of all with each of a thousand. The rules know neither clock nor process.
 */
import { HOUR, MINUTE, type Millis } from "#core/time.ts";
import { nameOf, projectOf } from "./function.ts";

const FIRST_MS = MINUTE;
const LONGEST_MS = HOUR;

export type Place = "main" | "quarantine";

interface Held {
  level: "quarantine" | "open";
  until: Millis;
  /** How often its process ended; doubles the time. */
  strikes: number;
  /** The end of `main` for which it is held; `null`: it is not, or that is explained. */
  suspectedAt: Millis | null;
}

export interface Circuits {
  /** By code id. A function without an entry is trusted. */
  readonly codes: ReadonlyMap<string, Held>;
  /** Project → names of its functions that were proved guilty, and until when that counts. */
  readonly guilty: ReadonlyMap<string, ReadonlyMap<string, Millis>>;
}

export const noCircuits: Circuits = { codes: new Map(), guilty: new Map() };

export type Placement = { to: Place } | { to: "nowhere"; retryAt: Millis };

/** With so many, a project is not trusted with another function. */
const GUILTY = 3;

export function place({ codes, guilty }: Circuits, code: string, now: Millis): Placement {
  const held = codes.get(code);
  if (held?.level === "open" && now < held.until) return { to: "nowhere", retryAt: held.until };
  const others = [...(guilty.get(projectOf(code))?.values() ?? [])].filter((until) => now < until);
  const isSuspect = held !== undefined && (held.level === "open" || now < held.until);
  return { to: isSuspect || others.length >= GUILTY ? "quarantine" : "main" };
}

/**
 * Whether its stream may keep its process from being replaced before others come in, who then share that. A suspect of
 * one end may have stood beside the culprit; of two, the second perhaps ended whom it shared with.
 */
export const mayShare = ({ codes }: Circuits, code: string): boolean => (codes.get(code)?.strikes ?? 0) < 2;

/**
 * A process has ended.
 *
 * @param suspects Who may have done it. @param culprits Who must have: only what happens in quarantine is proof enough.
 */
export function ended(
  { codes, guilty }: Circuits,
  where: Place,
  suspects: ReadonlySet<string>,
  culprits: ReadonlySet<string>,
  now: Millis,
): Circuits {
  const next = new Map(codes);
  const proved = new Map(guilty);
  const explained = new Set<Millis | null>();
  for (const code of suspects) {
    const before = next.get(code);
    const strikes = (before?.strikes ?? 0) + 1;
    const until = now + Math.min(LONGEST_MS, FIRST_MS * 2 ** (strikes - 1));
    const since = before?.suspectedAt ?? null;
    if (where === "main" || !culprits.has(code)) {
      next.set(code, { level: "quarantine", until, strikes, suspectedAt: where === "main" ? now : since });
      continue;
    }
    next.set(code, { level: "open", until, strikes, suspectedAt: null });
    const project = projectOf(code);
    proved.set(project, new Map(proved.get(project)).set(nameOf(code), now + LONGEST_MS));
    if (since !== null) explained.add(since);
  }
  for (const [code, held] of next)
    if (explained.has(held.suspectedAt) && !suspects.has(code)) release(next, code, held, now);
  return { codes: next, guilty: proved };
}

/** Who only stood beside the culprit is held no longer, and has no strike for it. */
function release(codes: Map<string, Held>, code: string, held: Held, now: Millis): void {
  if (held.strikes === 1) codes.delete(code);
  else codes.set(code, { ...held, until: now, strikes: held.strikes - 1, suspectedAt: null });
}

/** Forgets who has behaved for as long as they were held. */
export function forgive(circuits: Circuits, now: Millis): Circuits {
  const codes = [...circuits.codes].filter(([, held]) => now < held.until + LONGEST_MS);
  const guilty = [...circuits.guilty].filter(([, names]) => [...names.values()].some((until) => now < until));
  return codes.length === circuits.codes.size && guilty.length === circuits.guilty.size
    ? circuits
    : { codes: new Map(codes), guilty: new Map(guilty) };
}
