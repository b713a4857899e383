import fc from "fast-check";
import { expect, test } from "vitest";
import { CONCURRENCY, noSlots, type Request, type SlotEvent, step } from "./slots.ts";

const request: fc.Arbitrary<Request> = fc.record({
  deployment: fc.integer({ min: 0, max: 60 }).map((n) => `dpl_${n}`),
  project: fc.constantFrom("a", "b"),
  production: fc.boolean(),
  branch: fc.option(fc.constantFrom("main", "next")),
  createdAt: fc.nat(20),
});
const event: fc.Arbitrary<SlotEvent> = fc.oneof(
  { weight: 4, arbitrary: request.map((one): SlotEvent => ({ type: "request", request: one })) },
  {
    weight: 2,
    arbitrary: request.map((one): SlotEvent => ({ type: "release", deployment: one.deployment })),
  },
  fc.constant<SlotEvent>({ type: "tick" }),
);

test("no history grants more slots than there are, leaves one free while someone waits, or forgets someone", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (history) => {
      let state = noSlots;
      const open = new Set<string>();
      history.forEach((one, now) => {
        const next = step(state, one, now);
        if (one.type === "request") open.add(one.request.deployment);
        if (one.type === "release") open.delete(one.deployment);
        for (const effect of next.effects) {
          if (effect.kind === "supersede") open.delete(effect.deployment);
        }
        state = next.state;
        const held = Object.keys(state.held);
        const waiting = state.waiting.map((two) => two.deployment);
        expect(held.length).toBeLessThanOrEqual(CONCURRENCY);
        if (waiting.length > 0) expect(held.length).toBe(CONCURRENCY);
        expect(new Set([...held, ...waiting])).toEqual(open);
        expect(held.length + waiting.length).toBe(open.size);
      });
    }),
    { numRuns: 10_000 },
  );
});

test("production goes first, and a newer commit supersedes only what waits", () => {
  const ask = (n: number, more: Partial<Request> = {}): SlotEvent => ({
    type: "request",
    request: { deployment: `dpl_${n}`, project: "a", production: false, branch: null, createdAt: n, ...more },
  });
  let state = noSlots;
  for (let n = 0; n < CONCURRENCY; n++) state = step(state, ask(n, { branch: "main" }), 0).state;
  expect(Object.keys(state.held)).toHaveLength(CONCURRENCY);
  state = step(state, ask(20, { branch: "main" }), 0).state;
  state = step(state, ask(21), 0).state;
  const newer = step(state, ask(22, { branch: "main" }), 0);
  expect(newer.effects).toEqual([{ kind: "supersede", deployment: "dpl_20", by: "dpl_22" }]);
  state = step(newer.state, ask(23, { production: true }), 0).state;
  expect(state.waiting.map((one) => one.deployment)).toEqual(["dpl_23", "dpl_21", "dpl_22"]);
});
