import fc from "fast-check";
import { expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import { releaseFor } from "./bucket.ts";
import { type Canary, dueAt, emptyPointer, type Pointer, type PointerEvent, step } from "./machine.ts";
import { flawOf, type Plan, type Stage } from "./rolling.ts";
import { storyOf } from "./story.ts";

const at = (n: number) => ({ deployment: `dpl_${n}`, site: `s${n}`, createdAt: n });
const assign = (n: number, plan?: Plan): PointerEvent => ({ type: "assign", release: at(n), plan });
const PLAN: Plan = {
  stages: [{ percent: 5, minutes: 10 }, { percent: 25 }, { percent: 50, minutes: 60 }, { percent: 100 }],
  guard: null,
};
const after = (...events: PointerEvent[]): Pointer =>
  events.reduce(
    (state, one) => {
      const next = step(state, one, 1);
      return next.ok ? next.state : state;
    },
    emptyPointer("team_1", 0),
  );
const move = (state: Pointer, event: PointerEvent, now = 1): Pointer => {
  const next = step(state, event, now);
  if (!next.ok) throw new Error(next.reason);
  return next.state;
};

const stages: fc.Arbitrary<Stage[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 6 })
  .chain((shares) =>
    fc.tuple(
      ...shares
        .sort((a, b) => a - b)
        .map((percent) =>
          fc
            .option(fc.integer({ min: 1, max: 120 }), { nil: undefined })
            .map((minutes) => ({ percent, ...(minutes === undefined ? {} : { minutes }) })),
        ),
    ),
  )
  .map((all) => [...all, { percent: 100 }]);

test("whatever comes, a visitor goes back only when the release is taken back", () => {
  const plan = stages.map((all) => ({ stages: all, guard: null }));
  const release = fc.integer({ min: 2, max: 6 }).map(at);
  const event: fc.Arbitrary<PointerEvent> = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ type: "advance" as const }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("assign" as const), release, plan }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("rollout" as const),
        release: fc.constant(null),
        percent: fc.integer({ min: 0, max: 100 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant("promote" as const),
        release,
        plan: fc.option(
          plan.map((one) => ({ ...one, isDefault: true })),
          { nil: undefined },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ type: "abort" as const }) },
    { weight: 1, arbitrary: fc.constant({ type: "rollback" as const, release: null }) },
  );
  const visitors = Array.from({ length: 60 }, (_, n) => `visitor-${n}`);
  const seenIn = ({ live, canary }: Pointer) =>
    visitors.map((one) => (live && canary ? releaseFor(live, canary, one) : live)?.deployment);
  let kept = 0;
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (history) => {
      let state = after(assign(1));
      for (const one of history) {
        const next = step(state, one, 1);
        if (!next.ok) continue;
        const { canary } = state;
        const [was, is] = [seenIn(state), seenIn(next.state)];
        for (const [i, seen] of was.entries()) {
          if (!canary || seen !== canary.release.deployment) continue;
          if (is[i] === seen) kept++;
          else expect(isTakenBack(one, canary)).toBe(true);
        }
        state = next.state;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(kept).toBeGreaterThan(10_000);
});

/** Whether the event is meant to take the canary from somebody who has it. */
function isTakenBack(event: PointerEvent, { release, percent }: Canary): boolean {
  switch (event.type) {
    case "abort":
    case "rollback":
    case "forget":
      return true;
    case "rollout":
      return event.percent < percent;
    case "assign":
    case "promote":
      return event.release.deployment !== release.deployment;
    case "advance":
      return false;
  }
}

test("advanced by hand and by time it goes through its stages in order, each for its whole time", () => {
  fc.assert(
    fc.property(stages, fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 }), (all, waits) => {
      let now = 1_000;
      let state = move(
        after(assign(1)),
        { type: "assign", release: at(2), plan: { stages: all, guard: null } },
        now,
      );
      for (const wait of waits) {
        const { canary } = state;
        if (!canary?.rolling) break;
        const { stage, since } = canary.rolling;
        const due = dueAt(state);
        expect(due).toBe(
          all[stage]?.minutes === undefined ? null : since + (all[stage]?.minutes ?? 0) * MINUTE,
        );
        expect(canary.percent).toBe(all[stage]?.percent);
        now += wait * MINUTE;
        // What has no end is advanced by hand; what is over only later, too: it may have slept.
        if (due !== null && due > now) continue;
        const next = move(state, { type: "advance" }, now);
        expect(next.epoch).toBe(state.epoch + 1);
        const isLast = stage + 2 === all.length;
        expect(next.canary?.rolling?.stage).toBe(isLast ? undefined : stage + 1);
        expect(next.canary?.rolling?.since).toBe(isLast ? undefined : now);
        expect(next.live).toEqual(isLast ? at(2) : at(1));
        state = next;
      }
    }),
  );
});

test("of callers that advance at the same time, one wins", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 8 }), (callers) => {
      let state = after(assign(1), assign(2, PLAN));
      const { epoch } = state;
      let won = 0;
      for (let i = 0; i < callers; i++) {
        const next = step(state, { type: "advance", ifEpoch: epoch }, 2);
        if (!next.ok) expect(next.reason).toBe("stale-epoch");
        else {
          won++;
          state = next.state;
        }
      }
      expect([won, state.canary?.percent]).toEqual([1, 25]);
    }),
  );
});

test("a newer deployment in the middle begins its own stages; what was rolled out may still be named", () => {
  const state = after(assign(1), assign(2, PLAN), { type: "advance" }, assign(3, PLAN));
  expect(state).toMatchObject({
    live: at(1),
    canary: { release: at(3), percent: 5, rolling: { stage: 0 } },
    waiting: [at(2)],
  });
});

test("a rollback in the middle ends it and holds nothing; an abort is the same; neither touches what is live alone", () => {
  const middle = after(assign(1), assign(2, PLAN), { type: "advance" });
  for (const event of [{ type: "abort" }, { type: "rollback", release: null }] as const) {
    const back = move(middle, event);
    expect(back).toMatchObject({ live: at(1), held: false, waiting: [at(2)], epoch: middle.epoch + 1 });
    expect(back.canary).toBeUndefined();
    expect(move(back, assign(3, PLAN)).canary).toMatchObject({ release: at(3), percent: 5 });
  }
  expect(step(after(assign(1)), { type: "abort" }, 2)).toEqual({ ok: false, reason: "no-canary" });
});

test("the first deployment goes to everybody, and so does what a plan of one stage is for", () => {
  expect(after(assign(1, PLAN))).toMatchObject({ live: at(1) });
  expect(after(assign(1, PLAN)).canary).toBeUndefined();
  const all = { stages: [{ percent: 100 }], guard: null };
  expect(after(assign(1), assign(2, all))).toMatchObject({ live: at(2) });
});

test("a share by hand ends the stages and keeps the guard; without stages there is nothing to advance", () => {
  const guard = { points: 5, requests: 50, minutes: 5 };
  const by = after(assign(1), assign(2, { ...PLAN, guard }), { type: "rollout", release: null, percent: 30 });
  expect(by.canary).toMatchObject({
    percent: 30,
    rolling: { guard, stages: [{ percent: 30 }, { percent: 100 }] },
  });
  expect(dueAt(by)).toBeNull();
  expect(move(by, { type: "advance" })).toMatchObject({ live: at(2) });
  const plain = after(assign(1), { type: "assign", release: at(2), percent: 30 });
  expect(step(plain, { type: "advance" }, 2)).toEqual({ ok: false, reason: "no-stages" });
});

test("a promote of what is rolled out completes it, unless it is to go by other stages", () => {
  const middle = after(assign(1), assign(2, PLAN));
  const promote = (isDefault: boolean): PointerEvent => ({
    type: "promote",
    release: at(2),
    plan: { ...PLAN, isDefault },
  });
  expect(move(middle, promote(true))).toMatchObject({ live: at(2) });
  expect(move(move(middle, { type: "advance" }), promote(false)).canary).toMatchObject({ percent: 5 });
  // Who goes back to what everybody has ends the rollout, by whatever plan.
  expect(move(middle, { ...promote(false), release: at(1) } as PointerEvent).canary).toBeUndefined();
});

test.each<[string, Stage[], boolean]>([
  ["grows to all", [{ percent: 5, minutes: 1 }, { percent: 100 }], true],
  ["all at once", [{ percent: 100 }], true],
  ["nothing", [], false],
  ["not all", [{ percent: 5 }], false],
  ["shrinks", [{ percent: 50 }, { percent: 5 }, { percent: 100 }], false],
  ["stands still", [{ percent: 50 }, { percent: 50 }, { percent: 100 }], false],
  ["an end of all", [{ percent: 100, minutes: 5 }], false],
])("stages: %s", (_, all, isGood) => {
  expect(flawOf(all) === null).toBe(isGood);
});

test("each end is told with its reason, to the deployment that it is about", () => {
  const begun = after(assign(1), assign(2, PLAN));
  const tell = (event: PointerEvent, why: Parameters<typeof storyOf>[2]) =>
    storyOf(begun, move(begun, event), why, 9);
  const [start] = storyOf(after(assign(1)), begun, { by: "release" }, 9).lines;
  expect(start).toMatchObject({ deployment: "dpl_2", text: expect.stringContaining("stage 1 of 4, 5 %") });
  const count = {
    from: 0,
    to: 60_000,
    live: { requests: 900, errors: 9 },
    canary: { requests: 60, errors: 30 },
  };
  const guarded = { ...PLAN, guard: { points: 5, requests: 50, minutes: 5 } };
  const watched = after(assign(1), assign(2, guarded));
  const abort = storyOf(watched, move(watched, { type: "abort" }), { by: "guard", figures: count }, 9);
  expect(abort.ended).toEqual({
    deployment: "dpl_2",
    outcome: "aborted",
    by: "guard",
    percent: 5,
    at: 9,
    figures: count,
  });
  expect(abort.lines).toHaveLength(1);
  expect(abort.lines[0]?.text).toContain("30 of 60 (50.0 %) of its answers, 9 of 900 (1.0 %)");
  const newer = tell(assign(3, PLAN), { by: "release" });
  expect(newer.lines.map(({ deployment }) => deployment)).toEqual(["dpl_2", "dpl_3"]);
  expect(newer.ended?.outcome).toBe("replaced");
  expect(tell({ type: "promote", release: at(2) }, { by: "caller", actor: "tok_1" })).toMatchObject({
    ended: { outcome: "completed" },
    lines: [{ text: expect.stringContaining("(tok_1)") }],
  });
  // A rollout by hand tells nothing.
  const plain = after(assign(1), { type: "assign", release: at(2), percent: 5 });
  expect(storyOf(plain, move(plain, { type: "abort" }), { by: "time" }, 9)).toEqual({
    lines: [],
    ended: null,
  });
});
