/** A run from its script to its end, and the shortest script that still breaks the same invariant. */
import { REAL, type Rules } from "./rules.ts";
import { quietAt, type Script, scriptOf } from "./script.ts";
import { BEGAN } from "./timeline.ts";
import { World } from "./world.ts";

export interface Outcome {
  seed: number;
  hash: string;
  /** The invariant and what broke it; `null`: all held. */
  broken: string | null;
  /** Milliseconds from the last fault until all was as it should be. */
  settledMs: number;
  events: number;
  seen: Record<string, number>;
}

/** Faults are over; so long may it take until all is as it should be. */
const SETTLE_MS = 15 * 60_000;
const LOOK_MS = 1_000;

export async function run(script: Script, rules: Rules = REAL): Promise<Outcome> {
  const world = new World(script, rules);
  const { timeline, monitor } = world;
  const isBroken = () => monitor.broken !== null;
  const quietMs = quietAt(script);
  world.begin();
  await timeline.run(BEGAN + quietMs, isBroken);
  let unsettled = world.unsettled();
  while (!isBroken() && unsettled !== null && timeline.elapsed < quietMs + SETTLE_MS) {
    await timeline.run(timeline.now + LOOK_MS, isBroken);
    unsettled = world.unsettled();
  }
  if (unsettled !== null) monitor.fail("converges", unsettled);
  const [lost] = monitor.lostLines;
  if (lost) monitor.fail("lines", `${lost} was written down, and is in no log`);
  const { broken, seen } = monitor;
  const settledMs = timeline.elapsed - quietMs;
  return { seed: script.seed, hash: world.hash, broken, settledMs, events: timeline.count, seen };
}

export const runSeed = (seed: number, rules: Rules = REAL): Promise<Outcome> => run(scriptOf(seed), rules);

const nameOf = (broken: string | null): string | null => broken?.split(":")[0] ?? null;

/** Leaves out one step after another, as long as the same invariant breaks. @param tries Runs, at most. */
export async function shrink(script: Script, rules: Rules = REAL, tries = 200): Promise<Script> {
  const wanted = nameOf((await run(script, rules)).broken);
  let least = script;
  let left = tries;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const step of [...least.steps].reverse()) {
      if (left-- <= 0) return least;
      const tried = { ...least, steps: least.steps.filter((one) => one !== step) };
      if (nameOf((await run(tried, rules)).broken) !== wanted) continue;
      least = tried;
      isSmaller = true;
    }
  }
  return least;
}
