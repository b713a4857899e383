/** Every invariant can fail: a rule that is broken on purpose is caught by one of the first seeds. */
import type { FeedAnswer } from "@cloudify/protocol";
import { expect, test } from "vitest";
import { takeLease } from "#features/regions/lease.ts";
import * as tasks from "#features/regions/tasks.ts";
import { REAL, type Rules } from "./rules.ts";
import { run, runSeed, shrink } from "./run.ts";
import { scriptOf } from "./script.ts";

interface Mutation {
  what: string;
  rules: Partial<Rules>;
  /** Invariants, one of which it breaks. */
  breaks: string[];
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
    breaks: ["one-holder"],
  },
  {
    what: "a lease that is renewed after it has lapsed",
    rules: {
      takeLease: (lease, request, now) =>
        takeLease(
          lease.held ? { ...lease, held: { ...lease.held, expiresAt: Number.POSITIVE_INFINITY } } : lease,
          { ...request, bootId: lease.held?.report.bootId ?? request.bootId },
          now,
        ),
    },
    breaks: ["one-holder", "no-fenced-write", "converges"],
  },
  {
    what: "a feed that deletes what is absent",
    rules: {
      heard: (answer, known): FeedAnswer => {
        if (answer.kind === "changes") return answer;
        const named = new Set([...answer.items, ...answer.tombstones].map(({ id }) => id));
        const absent = [...known].filter((id) => !named.has(id));
        const buried = absent.map((id) => ({ id, generation: answer.cursor }));
        return { ...answer, tombstones: [...answer.tombstones, ...buried] };
      },
    },
    breaks: ["no-delete-without-tombstone"],
  },
  {
    what: "a driver without a fence",
    rules: { isFenced: () => false },
    breaks: ["no-fenced-write"],
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
    breaks: ["no-old-attempt"],
  },
  {
    what: "a router that believes a reading that is older than its own",
    rules: { newest: (_, found) => found },
    breaks: ["no-way-back"],
  },
  {
    what: "a router that looks for no deployment which it does not know",
    rules: { isLater: () => false },
    breaks: ["no-way-back"],
  },
  {
    what: "a router that repeats whatever came to nothing",
    rules: { verdictOf: () => "next" },
    breaks: ["no-repetition"],
  },
];

/** So many are tried. */
const SEEDS = 400;

test.each(MUTATIONS)(
  "$what is caught",
  async ({ rules, breaks }) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { broken } = await runSeed(seed, { ...REAL, ...rules });
      if (broken === null) continue;
      expect(breaks, `seed ${seed}: ${broken}`).toContain(broken.split(":")[0]);
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
