/** Who may have ended a process: told from who was in it, and from why it ended. Knows neither clock nor process. */
import { MINUTE, type Millis, SECOND } from "#core/time.ts";
import { projectOf } from "./function.ts";

/** The watchdog waits longer than this before it ends a silent process: who came later only stood behind the culprit. */
const CULPRIT_MS = SECOND;
/** Calls that break together are heard of within so long. */
const TOGETHER_MS = 250;
/** What a call took may be seen so long after it has answered: the watchdog's round, on a machine that is busy. */
const RECENT_MS = 2 * SECOND;

/**
 * - `silence`: something held its thread. - `memory`: it held too much. - `itself`: it crashed. - `retired`: the router
 * asked for it. - `start`: it is the first.
 */
export const REASONS = ["silence", "memory", "itself", "retired", "start"] as const;
export type Reason = (typeof REASONS)[number];

/** A call of one process. */
export interface Presence {
  /** Code id. */
  code: string;
  since: Millis;
  /** `null`: under way. */
  leftAt: Millis | null;
  /** It has opened a WebSocket, whose listeners may run until the process ends. */
  isOpenEnded?: boolean;
  /** A function of the same process has asked for it, and waits for it. */
  isNested?: boolean;
}

/** @param now When the end was noticed. @returns Code ids; empty when nobody is to blame. */
export function suspectsOf(all: readonly Presence[], why: Reason, now: Millis): Set<string> {
  const within = (ms: Millis) => all.filter(({ leftAt }) => leftAt === null || now - leftAt <= ms);
  const there = within(TOGETHER_MS);
  const long = there.filter(({ since, leftAt }) => (leftAt ?? now) - since >= CULPRIT_MS);
  const recent = within(RECENT_MS);
  switch (why) {
    case "silence":
      return codesOf([long, there, recent]);
    case "memory":
      // It stays taken for a while: whoever took it may have answered.
      return codesOf([recent]);
    case "itself":
      return codesOf([there, recent]);
    case "retired":
    case "start":
      return new Set();
  }
}

/** Those of the first that has any. */
const codesOf = (choices: readonly (readonly Presence[])[]): Set<string> =>
  new Set(choices.find((one) => one.length > 0)?.map(({ code }) => code));

/**
 * Who it must have been: only the one code that was ever in the process is proved guilty, besides functions of its own
 * project that it asked for itself.
 *
 * @param all Everybody since it started. @returns `null` when there were several, or none.
 */
export function culpritOf(all: readonly Presence[]): string | null {
  const [first, ...others] = new Set(all.filter((one) => !one.isNested).map(({ code }) => code));
  if (first === undefined || others.length > 0) return null;
  const isOfOthers = all.some((one) => one.isNested && projectOf(one.code) !== projectOf(first));
  return isOfOthers ? null : first;
}

/** What a call does behind its answer (`waitUntil`) ends at last so long after it. */
const BEHIND_MS = 35 * SECOND;
/** Ends further apart than this have nothing to do with each other. */
const APART_MS = 10 * MINUTE;
/** So many are put under suspicion together for this: each has a process of its own then, one after the other. */
const AT_ONCE = 8;

/**
 * Who may have held the thread behind its answer, where nobody can see it. One end says little: everybody who was called
 * a moment ago. What several ends have in common says more, when those whom the ends seemed to point at have run in
 * quarantine since, and did nothing there.
 */
export interface Doubt {
  codes: ReadonlySet<string>;
  /** At whom the last end seemed to point, and who has not run since. */
  pending: ReadonlySet<string>;
  at: Millis;
  ends: number;
}

/**
 * @param before From the ends before, none of which has been explained. @param suspects At whom this one seems to point.
 * @param now When it was noticed.
 */
export function doubt(
  before: Doubt | null,
  all: readonly Presence[],
  suspects: ReadonlySet<string>,
  now: Millis,
): Doubt {
  const could = ({ leftAt, isOpenEnded }: Presence) =>
    leftAt === null || isOpenEnded === true || now - leftAt <= BEHIND_MS;
  const here = new Set(all.filter(could).map(({ code }) => code));
  const first = { codes: here, pending: suspects, at: now, ends: 1 };
  if (before === null || before.pending.size > 0 || now - before.at > APART_MS) return first;
  const both = new Set([...here].filter((code) => before.codes.has(code)));
  return both.size === 0 ? first : { ...first, codes: both, ends: before.ends + 1 };
}

/** One has run in quarantine, and its process went on. */
export const acquitted = (held: Doubt, code: string): Doubt =>
  held.pending.has(code)
    ? { ...held, pending: new Set([...held.pending].filter((one) => one !== code)) }
    : held;

/** @returns Code ids; empty after one end alone. */
export const doubted = ({ codes, ends }: Doubt): string[] => (ends < 2 ? [] : [...codes].slice(0, AT_ONCE));
