/**
 * `npm run trial:simulation [SEEDS] [FROM]`: the simulation over many seeds, on all cores. `npm run trial:simulation
 * FILE.json` replays a script. Prints one line of JSON; exit code 1 with the shortest script when an invariant broke.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Outcome, run, runSeed, shrink } from "#tests/simulation/run.ts";
import { type Script, scriptOf } from "#tests/simulation/script.ts";

/** Seeds that a worker is given at once. */
const BATCH = 25;

// Every abort makes an error, whose stack nobody reads.
Error.stackTraceLimit = 0;

if (!isMainThread) await work();
else if (process.argv[2]?.endsWith(".json")) await replay(process.argv[2]);
else await trial(Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 1));

async function work(): Promise<void> {
  const { from, step, until } = workerData as { from: number; step: number; until: number };
  for (let first = from; first < until; first += step) {
    const outcomes: Outcome[] = [];
    for (let seed = first; seed < Math.min(first + BATCH, until); seed++) outcomes.push(await runSeed(seed));
    parentPort?.postMessage(outcomes);
  }
}

async function replay(file: string): Promise<void> {
  const outcome = await run(JSON.parse(readFileSync(file, "utf8")) as Script);
  console.log(JSON.stringify(outcome));
  if (outcome.broken !== null) process.exitCode = 1;
}

async function trial(seeds: number, from: number): Promise<void> {
  const began = performance.now();
  const until = from + seeds;
  const workers = Math.min(availableParallelism(), Math.ceil(seeds / BATCH));
  const all: Outcome[] = [];
  let told = 0;
  await Promise.all(
    Array.from({ length: workers }, (_, i) => {
      const data = { from: from + i * BATCH, step: workers * BATCH, until };
      const worker = new Worker(new URL(import.meta.url), { workerData: data });
      worker.on("message", (outcomes: Outcome[]) => {
        all.push(...outcomes);
        for (const { seed, broken } of outcomes)
          if (broken !== null) console.error(`seed ${seed}: ${broken}`);
        if (all.length - told < seeds / 20) return;
        told = all.length;
        const broken = all.filter((one) => one.broken !== null).length;
        console.error(`${all.length} of ${seeds} seeds, ${broken} broken, ${secondsSince(began)} s`);
      });
      return new Promise<void>((resolve, reject) => {
        worker.on("error", reject);
        worker.on("exit", () => resolve());
      });
    }),
  );
  all.sort((one, other) => one.seed - other.seed);
  const broken = all.filter((one) => one.broken !== null);
  const hash = createHash("sha256");
  const seen: Record<string, number> = {};
  for (const one of all) {
    hash.update(one.hash);
    for (const [what, count] of Object.entries(one.seen)) seen[what] = (seen[what] ?? 0) + count;
  }
  const [first] = broken;
  console.log(
    JSON.stringify({
      seeds: all.length,
      broken: broken.map((one) => ({ seed: one.seed, broken: one.broken })),
      hash: hash.digest("hex").slice(0, 16),
      events: all.reduce((sum, { events }) => sum + events, 0),
      settledMs: Math.max(...all.map(({ settledMs }) => settledMs)),
      seen,
      seconds: secondsSince(began),
    }),
  );
  if (first) {
    console.log(JSON.stringify(await shrink(scriptOf(first.seed))));
    process.exitCode = 1;
  }
}

function secondsSince(began: number): number {
  return Math.round((performance.now() - began) / 1_000);
}
