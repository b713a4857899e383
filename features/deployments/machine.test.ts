import fc from "fast-check";
import { expect, test } from "vitest";
import {
  COMPILE_MS,
  create,
  type Deployment,
  dueAt,
  type Effect,
  type Input,
  isFinished,
  MAX_ATTEMPTS,
  QUEUE_MS,
  RELEASE_MS,
  type Spec,
  step,
} from "./machine.ts";

const spec: Spec = {
  id: "dpl_1",
  team: "team_1",
  project: "prj_1",
  target: "production",
  branch: null,
  percent: null,
  pointerTargets: ["production"],
  manifest: "m",
  buildLog: null,
  env: "e",
  hostname: "h",
  createdAt: 0,
};
const failure = { code: "boom", detail: "It broke.", fix: "Mend it." };
const attempt = fc.integer({ min: 1, max: MAX_ATTEMPTS + 1 });

const input: fc.Arbitrary<Input> = fc.oneof(
  fc.constantFrom<Input>(
    { type: "granted" },
    { type: "assigning" },
    { type: "released" },
    { type: "supersede", by: "dpl_2" },
  ),
  { weight: 3, arbitrary: fc.constant<Input>({ type: "tick" }) },
  { weight: 2, arbitrary: attempt.map((n): Input => ({ type: "claim", attempt: n })) },
  attempt.map((n): Input => ({ type: "heartbeat", attempt: n })),
  attempt.map((n): Input => ({ type: "compiled", attempt: n, site: "s", hasFunctions: false })),
  fc.record({
    type: fc.constant("failed" as const),
    attempt,
    failure: fc.constant(failure),
    retryable: fc.boolean(),
  }),
  fc.constant<Input>({ type: "cancel" }),
);
/** What happens, and how long after the last thing. */
const history = fc.array(fc.tuple(input, fc.oneof(fc.nat(2_000), fc.nat(20 * 60_000))), { maxLength: 60 });

const LONGEST = QUEUE_MS + COMPILE_MS + RELEASE_MS;

function replay(inputs: [Input, number][]) {
  let now = 0;
  const first = create(spec, now);
  if (!first.ok) throw new Error("unreachable");
  let state: Deployment = first.state;
  const owed: Effect[] = [...first.effects];
  const sequence = [first.event];
  let endedAt: number | null = null;
  for (const [one, wait] of inputs) {
    // An armed alarm fires: time never runs past what is due.
    now = Math.min(now + wait, dueAt(state) ?? Number.POSITIVE_INFINITY);
    const next = step(state, now === dueAt(state) ? { type: "tick" } : one, now);
    if (!next.ok) continue;
    expect(isFinished(state.status)).toBe(false);
    state = next.state;
    owed.push(...next.effects);
    sequence.push(next.event);
    if (isFinished(state.status)) endedAt = now;
  }
  return { state, owed, events: sequence.filter((event) => event !== null), endedAt };
}

test("no history breaks the deployment's promises", () => {
  fc.assert(
    fc.property(history, (inputs) => {
      const { state, owed, events, endedAt } = replay(inputs);
      const count = (kind: Effect["kind"]) => owed.filter((effect) => effect.kind === kind).length;

      // Every state that is not the end has an alarm; the end has none.
      expect(dueAt(state) === null).toBe(isFinished(state.status));
      if (endedAt !== null) expect(endedAt).toBeLessThanOrEqual(LONGEST);

      // A poke may be repeated, an attempt not; the slot is given back exactly at the end.
      const dispatched = owed.flatMap((effect) => (effect.kind === "dispatch" ? [effect.attempt] : []));
      expect(dispatched).toEqual([...dispatched].sort((a, b) => a - b));
      expect(Math.max(0, ...dispatched)).toBeLessThanOrEqual(MAX_ATTEMPTS);
      expect(count("publish")).toBeLessThanOrEqual(1);
      expect(count("release-slot")).toBe(isFinished(state.status) ? 1 : 0);

      // Events tell the whole story, in order.
      expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
      expect(events.at(-1)?.to).toBe(state.status);
      expect(state.seq).toBe(events.length);

      // A failure says what, why and what to do.
      if (state.status === "error" || state.status === "canceled") {
        expect(state.failure.code && state.failure.detail && state.failure.fix).toBeTruthy();
      }
    }),
    { numRuns: 20_000 },
  );
});

test("left alone after any history, it ends by its own alarms", () => {
  fc.assert(
    fc.property(history, (inputs) => {
      let { state } = replay(inputs);
      for (let due = dueAt(state); due !== null; due = dueAt(state)) {
        const next = step(state, { type: "tick" }, due);
        expect(next.ok).toBe(true);
        if (!next.ok) return;
        state = next.state;
      }
      expect(isFinished(state.status)).toBe(true);
    }),
    { numRuns: 10_000 },
  );
});

test("a cancel ends it at once, unless a pointer may already name it", () => {
  fc.assert(
    fc.property(history, (inputs) => {
      const { state } = replay(inputs);
      const next = step(state, { type: "cancel" }, 0);
      const isGoingLive = state.status === "releasing" && state.assigning;
      expect(next.ok).toBe(!isFinished(state.status) && !isGoingLive);
      if (next.ok) expect(next.state.status).toBe("canceled");
    }),
  );
});

test("a task that nobody has time for is asked for again, and costs no attempt", () => {
  const first = create(spec, 0);
  const granted = first.ok ? step(first.state, { type: "granted" }, 0) : first;
  if (!granted.ok) throw new Error("unreachable");
  let { state } = granted;
  for (let due = dueAt(state); due !== null && due < COMPILE_MS; due = dueAt(state)) {
    const next = step(state, { type: "tick" }, due);
    if (!next.ok) throw new Error(next.reason);
    expect(next).toMatchObject({ effects: [{ kind: "dispatch", attempt: 1 }], event: null });
    state = next.state;
  }
  const claimed = step(state, { type: "claim", attempt: 1 }, COMPILE_MS - 1);
  expect(claimed).toMatchObject({ ok: true, state: { attempt: 1, claimed: true } });
});

test("an old attempt's result can't win", () => {
  const at = (state: Deployment, one: Input, now: number) => {
    const next = step(state, one, now);
    if (!next.ok) throw new Error(next.reason);
    return next.state;
  };
  const first = create(spec, 0);
  if (!first.ok) throw new Error("unreachable");
  let state = at(first.state, { type: "granted" }, 0);
  state = at(state, { type: "claim", attempt: 1 }, 1);
  state = at(state, { type: "tick" }, dueAt(state) ?? 0);
  expect(state).toMatchObject({ status: "compiling", attempt: 2 });
  expect(step(state, { type: "compiled", attempt: 1, site: "old", hasFunctions: false }, 70_000)).toEqual({
    ok: false,
    reason: "not-holder",
  });
});
