/** How the benches are run, and how they say what they found: one JSON line each. */
import { loadavg } from "node:os";
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

/**
 * Ours beside the bare chain, in turns: the machine is shared, and what slows one round should slow both. The ratio is
 * the median of the rounds' own, and its spread is told.
 *
 * @param requests Of each in all rounds together; a fifth more come before, to warm it up.
 */
export async function compare(
  name: string,
  ours: Pick<Load, "port" | "host" | "path">,
  bare: Pick<Load, "port" | "host" | "path">,
  requests: number,
): Promise<void> {
  const of = (one: typeof ours, count: number) =>
    load({ ...one, connections: CONNECTIONS, requests: Math.ceil(count) });
  for (const one of [ours, bare]) await of(one, requests / 5);
  const rounds: { ours: Measured; bare: Measured; ratio: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const measured = { ours: await of(ours, requests / ROUNDS), bare: await of(bare, requests / ROUNDS) };
    rounds.push({ ...measured, ratio: Number((measured.ours.rate / measured.bare.rate).toFixed(2)) });
  }
  const ratios = rounds.map(({ ratio }) => ratio).sort((a, b) => a - b);
  const middle = rounds.toSorted((a, b) => a.ratio - b.ratio)[Math.floor(rounds.length / 2)];
  say(name, {
    ratio: middle?.ratio,
    spread: [ratios[0], ratios.at(-1)],
    ...middle?.ours,
    failed: rounds.reduce((sum, round) => sum + round.ours.failed, 0),
    bare: middle?.bare,
  });
}
