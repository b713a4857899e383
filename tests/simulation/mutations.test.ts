/** Every invariant can fail: a rule that is broken on purpose is caught by one of the first seeds. */
import type { FeedAnswer } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { takeLease } from "#features/regions/lease.ts";
import * as tasks from "#features/regions/tasks.ts";
import { REAL, type Rules } from "./rules.ts";
import { run, runSeed, shrink } from "./run.ts";
import { type Script, type Step, scriptOf } from "./script.ts";

interface Mutation {
  what: string;
  rules: Partial<Rules>;
  /** Invariant that it breaks. */
  breaks: string;
  /** Where the drawn ones would seldom come to it. */
  scriptOf?: (seed: number) => Script;
}

const MUTATIONS: Mutation[] = [
  {
    what: "a lease that is acquired without raising the epoch",
    rules: {
      takeLease(lease, request, now) {
        const step = takeLease(lease, request, now);
        return step.ok ? { ...step, lease: { ...step.lease, epoch: Math.max(1, lease.epoch) } } : step;
      },
    },
    breaks: "one-holder",
  },
  {
    what: "a lease that is renewed by whoever once had it",
    rules: {
      takeLease: (lease, request, now) =>
        takeLease(
          lease.held && request.epoch !== null
            ? {
                ...lease,
                epoch: request.epoch,
                held: { ...lease.held, report: { ...lease.held.report, ...request } },
              }
            : lease,
          request,
          now,
        ),
    },
    breaks: "one-holder",
  },
  {
    what: "a lease that a process takes back from the one that came after it",
    rules: { takeLease: (lease, request, now) => takeLease({ ...lease, succeeded: [] }, request, now) },
    breaks: "no-return",
  },
  {
    what: "a feed that deletes what is absent",
    rules: {
      heard: (answer, held): FeedAnswer => {
        if (answer.kind === "changes") return answer;
        const named = new Set([...answer.items, ...answer.tombstones].map(({ id }) => id));
        const absent = held.filter(({ id }) => !named.has(id));
        const buried = absent.map(({ id, generation }) => ({ id, generation: generation + 1 }));
        return { ...answer, tombstones: [...answer.tombstones, ...buried] };
      },
    },
    breaks: "no-delete-without-tombstone",
  },
  {
    what: "a driver without a fence",
    rules: { isFenced: () => false },
    breaks: "no-fenced-write",
  },
  {
    what: "a task that takes the result of an old attempt",
    rules: {
      completeTask(held, asked, now) {
        const entry = held[asked.id];
        const attempt = entry?.state === "claimed" ? entry.task.attempt : asked.attempt;
        return tasks.complete(held, { ...asked, attempt }, now);
      },
    },
    breaks: "no-old-attempt",
  },
  {
    what: "a router that believes a reading that is older than its own",
    rules: { newest: (_, found) => found },
    breaks: "no-way-back",
    scriptOf: slowRouters,
  },
  {
    what: "a router that looks for no deployment which it does not know",
    rules: { isLater: () => false },
    breaks: "no-way-back",
  },
  {
    what: "a router that repeats whatever came to nothing",
    rules: { verdictOf: () => "next" },
    breaks: "no-repetition",
  },
];

/** Releases that follow each other closely, while answers overtake each other on their way to three routers. */
function slowRouters(seed: number): Script {
  const regions = [{ name: "fra", kind: "kubernetes" as const }];
  const releases = Array.from({ length: 30 }, (_, i): Step => {
    const isBack = i > 1 && i % 2 === 1;
    const at = 20_000 + i * 2_000;
    return isBack ? { at, do: "rollback" } : { at, do: "promote", id: i % 4 === 0 ? "dpl_2" : "dpl_1" };
  });
  const weather: Step = {
    at: 18_000,
    do: "weather",
    loss: 0,
    duplicates: 0,
    delay: [10, 5_000],
    forMs: 60_000,
  };
  const deploys = [1, 2].map(
    (i): Step => ({
      at: i * 1_000,
      do: "deploy",
      id: `dpl_${i}`,
      isSource: false,
      regions: ["fra"],
      policy: "any",
    }),
  );
  return {
    seed,
    regions,
    routers: 3,
    steps: [...deploys, weather, ...releases],
  };
}

/** So many are tried. */
const SEEDS = 400;

test.each(MUTATIONS)(
  "$what is caught",
  async ({ rules, breaks, scriptOf: draw = scriptOf }) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { broken } = await run(draw(seed), { ...REAL, ...rules });
      if (broken === null) continue;
      expect(broken, `seed ${seed}`).toMatch(new RegExp(`^${breaks}:`));
      expect((await run(draw(seed))).broken).toBeNull();
      return;
    }
    expect.fail(`none of ${SEEDS} seeds has caught it`);
  },
  120_000,
);

test("what broke is left with no step that it does not need", async () => {
  const rules = { ...REAL, isFenced: () => false };
  let seed = 1;
  while ((await runSeed(seed, rules)).broken === null) seed++;
  const least = await shrink(scriptOf(seed), rules);
  const { broken } = await run(least, rules);
  expect(broken).toMatch(/^no-fenced-write/);
  expect(least.steps.length).toBeLessThanOrEqual(scriptOf(seed).steps.length);
  for (const step of least.steps) {
    const without = { ...least, steps: least.steps.filter((one) => one !== step) };
    expect((await run(without, rules)).broken ?? "").not.toMatch(/^no-fenced-write/);
  }
}, 120_000);
