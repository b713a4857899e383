import { expect, test } from "vitest";
import { run, runSeed, shrink } from "./run.ts";
import { type Script, scriptOf } from "./script.ts";

const SEEDS = 200;

test(`${SEEDS} seeds of faults break no invariant, and all comes to rest`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { broken } = await runSeed(seed);
    if (broken !== null) expect.fail(`${broken}\n${JSON.stringify(await shrink(scriptOf(seed)))}`);
  }
}, 300_000);

test("the same seed leaves the same trace, and so does its script out of a file; another seed another", async () => {
  const [first, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)];
  const replayed = await run(JSON.parse(JSON.stringify(scriptOf(7))) as Script);
  expect(again).toEqual(first);
  expect(replayed).toEqual(first);
  expect(other.hash).not.toBe(first.hash);
}, 60_000);
