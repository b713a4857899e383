/**
 * Where a function may run, after what it did to its neighbours. Local workerd enforces no CPU limit, so one that spins
 * takes its whole process down with it.
 *
 *     main ─its process ends with it in flight→ quarantine ─again→ open ─time→ quarantine ─time→ main
 *
 * In quarantine each function has a process of its own, so that a second end has one culprit and an innocent neighbour
 * of the first goes home. A project of which several were proved guilty has all of its functions in quarantine for a
 * while: it could end the process of all with each of a thousand. The rules know neither clock nor process.
 */
import { HOUR, MINUTE, type Millis } from "#core/time.ts";

const FIRST_MS = MINUTE;
const LONGEST_MS = HOUR;

export type Place = "main" | "quarantine";

interface Record_ {
  level: "quarantine" | "open";
  until: Millis;
  /** How often its process ended; doubles the time. */
  strikes: number;
}

/** By code id, and by project (`of`). Who has no entry is trusted. */
export type Circuits = ReadonlyMap<string, Record_>;

/** So many of a project's functions are proved guilty before it is not trusted with another. */
const GUILTY = 3;

/** A code id begins with its project: see `codeIdOf`. */
const ofProject = (code: string): string => `of ${code.slice(0, code.indexOf("/"))}`;

export const noCircuits: Circuits = new Map();

export type Placement = { to: Place } | { to: "nowhere"; retryAt: Millis };

export function place(circuits: Circuits, code: string, now: Millis): Placement {
  const held = circuits.get(code);
  const all = circuits.get(ofProject(code));
  const isOfGuilty = all !== undefined && all.strikes >= GUILTY && now < all.until;
  if (!held) return { to: isOfGuilty ? "quarantine" : "main" };
  if (held.level === "open")
    return now < held.until ? { to: "nowhere", retryAt: held.until } : { to: "quarantine" };
  return { to: now < held.until || isOfGuilty ? "quarantine" : "main" };
}

/**
 * A process has ended.
 *
 * @param suspects Who may have done it. @param culprits Who must have: only what happens in quarantine is proof enough.
 */
export function ended(
  circuits: Circuits,
  where: Place,
  suspects: Iterable<string>,
  culprits: ReadonlySet<string>,
  now: Millis,
): Circuits {
  const next = new Map(circuits);
  for (const code of suspects) {
    const strikes = (next.get(code)?.strikes ?? 0) + 1;
    const until = now + Math.min(LONGEST_MS, FIRST_MS * 2 ** (strikes - 1));
    const isProved = where === "quarantine" && culprits.has(code);
    if (isProved && circuits.get(code)?.level !== "open") {
      const guilty = (next.get(ofProject(code))?.strikes ?? 0) + 1;
      next.set(ofProject(code), { level: "quarantine", until: now + LONGEST_MS, strikes: guilty });
    }
    next.set(code, { level: isProved ? "open" : "quarantine", until, strikes });
  }
  return next;
}

/** Forgets who has behaved for as long as they were held. */
export function forgive(circuits: Circuits, now: Millis): Circuits {
  const kept = [...circuits].filter(([, held]) => now < held.until + LONGEST_MS);
  return kept.length === circuits.size ? circuits : new Map(kept);
}
