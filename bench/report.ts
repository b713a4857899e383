/** How the benches are run, and how they say what they found: one JSON line each. */
import { loadavg } from "node:os";
import type { Bare } from "./bare.ts";
import { type Load, load, type Measured } from "./load.ts";

/** Each of it once and small, to see that it runs. */
export const isSmoke = process.argv.includes("--smoke");

/** `waiting`: programs that want a core, over the last minute; above the count of cores, rates say little. */
export const say = (name: string, figures: object): void =>
  console.log(JSON.stringify({ bench: name, ...figures, waiting: Number((loadavg()[0] ?? 0).toFixed(1)) }));

/** @returns The full count, or what a smoke test needs of it. */
export const times = (full: number, smoke: number): number => (isSmoke ? smoke : full);

const ROUNDS = times(5, 1);
const CONNECTIONS = 16;

/** A path, or, for each request by its number, one. */
type Path = Load["path"];

/**
 * Ours beside the bare chain, in turns: the machine is shared, and what slows one round should slow the others. A ratio
 * is the median of the rounds' own, and its spread is told. `together` is the same chain with the gate in the process of
 * the Worker behind it, where ours stands too.
 *
 * @param path Of the bare chain. @param requests Of each in all rounds together; a fifth more come before, to warm it up.
 */
export async function compare(
  name: string,
  ours: Pick<Load, "port" | "host" | "path">,
  bare: Pick<Bare, "port" | "together">,
  path: Path,
  requests: number,
): Promise<void> {
  const of = (one: typeof ours, count: number) =>
    load({ ...one, connections: CONNECTIONS, requests: Math.ceil(count) });
  const host = "bare.localhost";
  const [apart, together] = [bare.port, bare.together].map((port) => ({ port, host, path })) as [
    typeof ours,
    typeof ours,
  ];
  for (const one of [ours, apart, together]) await of(one, requests / 5);
  const rounds: { ours: Measured; apart: Measured; together: Measured }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const each = requests / ROUNDS;
    const measured = { ours: await of(ours, each), apart: await of(apart, each) };
    rounds.push({ ...measured, together: await of(together, each) });
  }
  const failed = rounds.reduce((sum, round) => sum + round.ours.failed, 0);
  const beside = (chain: "apart" | "together") => {
    const sorted = rounds
      .map((round) => ({ round, ratio: Number((round.ours.rate / round[chain].rate).toFixed(2)) }))
      .sort((a, b) => a.ratio - b.ratio);
    const spread = [sorted[0]?.ratio, sorted.at(-1)?.ratio];
    return { ...sorted[Math.floor(sorted.length / 2)], spread };
  };
  const [first, second] = [beside("apart"), beside("together")];
  say(name, {
    ratio: first.ratio,
    spread: first.spread,
    ...first.round?.ours,
    failed,
    bare: first.round?.apart,
    together: { ratio: second.ratio, spread: second.spread, ...second.round?.together },
  });
}
