import fc from "fast-check";
import { expect, test } from "vitest";
import {
  emptyPointer,
  isLater,
  known,
  newest,
  type Pointer,
  type PointerEvent,
  PREVIOUS_LIMIT,
  step,
} from "./machine.ts";

const release = fc.integer({ min: 0, max: 40 }).map((n) => ({
  deployment: `dpl_${n}`,
  site: `site_${n}`,
  createdAt: Math.floor(n / 2),
}));
const ifEpoch = fc.option(fc.nat(30), { nil: undefined });
const plan = fc
  .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 4 })
  .map((shares) => [...shares.sort((a, b) => a - b), 100].map((percent) => ({ percent })))
  .map((stages) => ({ stages, guard: null }));
const event: fc.Arbitrary<PointerEvent> = fc.oneof(
  { weight: 4, arbitrary: release.map((one) => ({ type: "assign" as const, release: one })) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("assign" as const),
      release,
      percent: fc.integer({ min: 1, max: 100 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("assign" as const), release, plan }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("promote" as const), release, ifEpoch }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("promote" as const),
      release,
      ifEpoch,
      plan: fc.tuple(plan, fc.boolean()).map(([one, isDefault]) => ({ ...one, isDefault })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("advance" as const), ifEpoch }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("abort" as const), ifEpoch }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("rollback" as const), release: fc.option(release), ifEpoch }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("rollout" as const),
      release: fc.option(release),
      percent: fc.integer({ min: 0, max: 100 }),
      ifEpoch,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("forget" as const),
      deployment: release.map((one) => one.deployment),
      replacement: fc.option(release),
    }),
  },
);

function check(before: Pointer, event: PointerEvent, after: Pointer): void {
  const moved = before.live?.deployment !== after.live?.deployment;
  const isOther = JSON.stringify(before.canary) !== JSON.stringify(after.canary);
  expect(after.epoch).toBe(before.epoch + (moved || isOther ? 1 : 0));
  expect(after.previous.length).toBeLessThanOrEqual(PREVIOUS_LIMIT);
  expect(after.waiting.length).toBeLessThanOrEqual(PREVIOUS_LIMIT);
  const canary = after.canary ? [after.canary.release] : [];
  const names = [...after.previous, ...after.waiting, ...canary].map((one) => one.deployment);
  if (after.canary) {
    expect(after.live).not.toBeNull();
    expect(after.canary.percent).toBeGreaterThan(0);
    expect(after.canary.percent).toBeLessThan(100);
    const { canary: was } = before;
    if (was?.release.deployment === after.canary.release.deployment) {
      expect(after.canary.salt).toBe(was.salt);
    }
    const { rolling, percent } = after.canary;
    if (rolling) expect(rolling.stages[rolling.stage]?.percent).toBe(percent);
  }
  if (before.canary && event.type !== "forget") {
    const { createdAt, deployment } = before.canary.release;
    const isFull =
      after.waiting.length === PREVIOUS_LIMIT && after.waiting.every((one) => one.createdAt >= createdAt);
    if (!isFull) expect(known(after, deployment)).toBeDefined();
  }
  expect(new Set(names).size).toBe(names.length);
  if (after.live) expect(names).not.toContain(after.live.deployment);
  if (before.live) expect(after.live).not.toBeNull();
  if (before.held && event.type === "assign") expect(moved).toBe(false);
  if (after.held && !before.held) expect(event.type).toBe("rollback");
  if (before.held && !after.held) expect(["promote", "rollout", "advance"]).toContain(event.type);
  if (moved && event.type === "assign" && before.live && after.live) {
    expect(after.live.createdAt).toBeGreaterThanOrEqual(before.live.createdAt);
  }
  if (moved && before.live && event.type !== "forget") {
    expect(known(after, before.live.deployment)).toEqual(before.live);
  }
}

test("no history breaks the pointer's promises", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (history) => {
      let state = emptyPointer("team_1", 0);
      let now = 0;
      for (const one of history) {
        const next = step(state, one, ++now);
        if (!next.ok) continue;
        if (!next.changed) expect(next.state).toEqual(state);
        check(state, one, next.state);
        state = next.state;
      }
    }),
    { numRuns: 10_000 },
  );
});

const at = (n: number) => ({ deployment: `dpl_${n}`, site: `s${n}`, createdAt: n });
const run = (...events: PointerEvent[]) =>
  events.reduce(
    (state, one) => {
      const next = step(state, one, 1);
      return next.ok ? next.state : state;
    },
    emptyPointer("team_1", 0),
  );

test("a rollback sticks until a promote", () => {
  const assign = (n: number): PointerEvent => ({ type: "assign", release: at(n) });
  const held = run(assign(1), assign(2), { type: "rollback", release: null }, assign(3));
  expect(held.live).toEqual(at(1));
  expect(held.held).toBe(true);
  const freed = step(held, { type: "promote", release: at(3) }, 2);
  expect(freed).toMatchObject({ ok: true, state: { live: at(3), held: false } });
});

test("of two promotes that saw the same epoch, one wins", () => {
  const start = run({ type: "assign", release: at(1) });
  const first = step(start, { type: "promote", release: at(2), ifEpoch: 1 }, 2);
  expect(first.ok).toBe(true);
  if (first.ok) {
    expect(step(first.state, { type: "promote", release: at(3), ifEpoch: 1 }, 2)).toEqual({
      ok: false,
      reason: "stale-epoch",
    });
  }
});

test("an older deployment that finishes later does not take over", () => {
  expect(run({ type: "assign", release: at(2) }, { type: "assign", release: at(1) }).live).toEqual(at(2));
});

test("an older deployment that finishes during a rollout does not end it, nor one that is told again", () => {
  const assign = (n: number): PointerEvent => ({ type: "assign", release: at(n), percent: 10 });
  const rolling = run(assign(1), assign(3));
  expect(run(assign(1), assign(3), { type: "assign", release: at(2) })).toMatchObject({
    live: at(1),
    canary: { release: at(3), percent: 10 },
    waiting: [at(2)],
  });
  const moved = run(assign(1), assign(3), { type: "rollout", release: null, percent: 50 }, assign(3));
  expect(moved.canary?.percent).toBe(50);
  expect(rolling.canary?.percent).toBe(10);
  const ended = run(assign(1), assign(3), { type: "abort" }, assign(3));
  expect(ended.canary).toBeUndefined();
});

test("a live deployment is forgotten only for a replacement", () => {
  const start = run({ type: "assign", release: at(1) });
  expect(step(start, { type: "forget", deployment: "dpl_1", replacement: null }, 2)).toEqual({
    ok: false,
    reason: "live",
  });
  const moved = step(start, { type: "forget", deployment: "dpl_1", replacement: at(2) }, 2);
  expect(moved).toMatchObject({ ok: true, state: { live: at(2), previous: [] } });
});

test("a second rollback goes further back, and never to what did not go live", () => {
  const assign = (n: number): PointerEvent => ({ type: "assign", release: at(n) });
  const back: PointerEvent = { type: "rollback", release: null };
  expect(run(assign(1), assign(2), assign(3), back).live).toEqual(at(2));
  expect(run(assign(1), assign(2), assign(3), back, assign(4), back).live).toEqual(at(1));
});

test("a rollout ends with everybody on one release, whichever way it ends", () => {
  const begun = run({ type: "assign", release: at(1) }, { type: "rollout", release: at(2), percent: 10 });
  expect(begun).toMatchObject({ live: at(1), canary: { release: at(2), percent: 10 }, epoch: 2 });
  const on = (event: PointerEvent) => {
    const next = step(begun, event, 3);
    return next.ok ? next.state : null;
  };
  const further = on({ type: "rollout", release: null, percent: 50 });
  expect(further?.canary).toMatchObject({ percent: 50, salt: begun.canary?.salt });
  const done = on({ type: "rollout", release: null, percent: 100 });
  expect(done).toMatchObject({ live: at(2), previous: [at(1)], held: false });
  const back = on({ type: "rollback", release: null });
  expect(back).toMatchObject({ live: at(1), waiting: [at(2)], held: false });
  for (const ended of [done, back]) expect(ended?.canary).toBeUndefined();
  expect(step(begun, { type: "forget", deployment: "dpl_2", replacement: null }, 3)).toMatchObject({
    ok: false,
  });
  expect(step(run(), { type: "rollout", release: null, percent: 5 }, 3)).toMatchObject({
    reason: "no-canary",
  });
});

test("of two readings the newer is held on to, and whoever carries a later deployment may know more than it", () => {
  const older = run({ type: "assign", release: at(1) });
  const newer = run({ type: "assign", release: at(1) }, { type: "assign", release: at(2) });
  expect([newest(newer, older), newest(older, newer), newest(null, older)]).toEqual([newer, newer, older]);
  expect([isLater(older, "dpl_2"), isLater(newer, "dpl_1"), isLater(emptyPointer("t", 0), "dpl_1")]).toEqual([
    true,
    false,
    false,
  ]);
});
