import { NO_BUILD_SETTINGS } from "@cloudify/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import {
  AGENT_MS,
  BUILD_MS,
  BUILDING_MS,
  COMPILE_MS,
  create,
  dueAt,
  isFinished,
  MAX_ATTEMPTS,
  MAX_BUILDS,
  OFFER_MS,
  PLACE_MS,
  QUEUE_MS,
  RELEASE_MS,
  step,
} from "./machine.ts";
import { type Policy, SETTLE_MS } from "./placing.ts";
import { SLOT_MS } from "./slots.ts";
import type { Deployment, Effect, In, Input, Pinned, Spec } from "./state.ts";

const spec: Spec = {
  id: "dpl_1",
  team: "team_1",
  project: "prj_1",
  target: "production",
  branch: null,
  percent: null,
  rolling: null,
  pointerTargets: ["production"],
  manifest: "m",
  source: null,
  buildLog: null,
  env: "e",
  hostname: "h",
  regions: ["fra"],
  failover: [],
  policy: "any",
  names: { fra: "Frankfurt", iad: "Ashburn" },
  createdAt: 0,
};
const settings = NO_BUILD_SETTINGS;
const counts = { bytes: 1, fileCount: 1 };
const source: Spec = {
  ...spec,
  manifest: null,
  source: { manifest: "s", ...counts, projectName: "p", settings, overrides: {} },
};
const failure = { code: "boom", detail: "It broke.", fix: "Mend it." };
const attempt = fc.integer({ min: 1, max: MAX_ATTEMPTS + 1 });
const build = fc.integer({ min: 1, max: MAX_BUILDS + 1 });
const region = fc.constantFrom("fra", "iad", "sin");
const compiled = { type: "compiled", site: "s", hasFunctions: true, pinned: {} } as const;
const failed = { failure: fc.constant(failure), retryable: fc.boolean() };

/** What may be created. */
const specs: fc.Arbitrary<Spec> = fc
  .record({
    first: fc.constantFrom(spec, source),
    regions: fc.uniqueArray(region),
    primaries: fc.nat(3),
    policy: fc.constantFrom<Policy[]>("all", "quorum", "any"),
  })
  .map(({ first, primaries, ...more }) => ({ ...first, ...more, failover: more.regions.slice(primaries) }));

const input: fc.Arbitrary<Input> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Input>({ type: "assigning" }, { type: "released" }) },
  fc.constantFrom<Input>({ type: "supersede", by: "dpl_2" }, { type: "cancel" }),
  { weight: 2, arbitrary: fc.constant<Input>({ type: "granted" }) },
  { weight: 3, arbitrary: fc.constant<Input>({ type: "tick" }) },
  { weight: 2, arbitrary: attempt.map((n): Input => ({ type: "claim", attempt: n })) },
  attempt.map((n): Input => ({ type: "heartbeat", attempt: n })),
  fc
    .tuple(
      attempt,
      fc.constantFrom({}, { g0: "w" }, { g0: "w", g1: "w" }),
      fc.constantFrom<Pinned>({}, { g1: ["iad"] }, { g0: ["sin"], g1: ["iad", "sin"] }),
    )
    .map(([n, workloads, pinned]): Input => ({ ...compiled, attempt: n, workloads, pinned })),
  fc.record({ type: fc.constant("failed" as const), attempt, ...failed }),
  fc.record({ type: fc.constant("offered" as const), attempt: build, region, isWaiting: fc.boolean() }),
  fc.record({ type: fc.constant("build-claimed" as const), attempt: build, region, name: region }),
  fc.record({ type: fc.constant("unheard" as const), region, isGone: fc.boolean() }),
  fc
    .tuple(build, region)
    .map(([n, one]): Input => ({ type: "built", attempt: n, region: one, manifest: "o", ...counts })),
  fc.record({ type: fc.constant("build-failed" as const), attempt: build, region, ...failed }),
  {
    weight: 3,
    arbitrary: fc
      .tuple(region, fc.boolean())
      .map(
        ([one, ok]): Input =>
          ok
            ? { type: "placed", region: one, ok }
            : { type: "placed", region: one, ok, detail: `${one} crashed` },
      ),
  },
);
const granted: Input = { type: "granted" };
const claim: Input = { type: "claim", attempt: 1 };
const began: Input = { type: "build-claimed", attempt: 1, region: "fra", name: "Frankfurt" };
const built: Input = { type: "built", attempt: 1, region: "fra", manifest: "o", bytes: 5, fileCount: 2 };
const regional: Input = { ...compiled, attempt: 1, workloads: { g0: "w" } };

/** How far everything goes well before chance takes over. */
const begun = fc
  .constantFrom<Input[]>(
    [],
    [granted],
    [granted, began, built, claim],
    [granted, began, built, claim, regional],
    [granted, began, built, claim, { ...regional, pinned: { g0: ["iad"] } }],
    [granted, began, built, claim, { ...regional, workloads: {} }, { type: "assigning" }],
  )
  .map((inputs) => inputs.map((one): [Input, number] => [one, 1]));
/** What happens, and how long after the last thing. */
const chance = fc.array(fc.tuple(input, fc.oneof(fc.nat(2_000), fc.nat(20 * 60_000))), { maxLength: 60 });
const history = fc.tuple(begun, chance).map(([first, rest]) => [...first, ...rest]);

const LONGEST = QUEUE_MS + BUILDING_MS + COMPILE_MS + PLACE_MS + RELEASE_MS;

function replay(from: Spec, inputs: [Input, number][]) {
  let now = 0;
  const first = create(from, now);
  if (!first.ok) throw new Error("unreachable");
  let state: Deployment = first.state;
  const owed: Effect[] = [...first.effects];
  const sequence = [first.event];
  const answers = new Map<string, boolean>();
  let endedAt: number | null = null;
  for (const [one, wait] of inputs) {
    // An armed alarm fires: time never runs past what is due.
    now = Math.min(now + wait, dueAt(state) ?? Number.POSITIVE_INFINITY);
    const said: Input = now === dueAt(state) ? { type: "tick" } : one;
    const next = step(state, said, now);
    if (!next.ok) continue;
    expect(isFinished(state.status)).toBe(false);
    checkMove(state, next.state, next.effects);
    if (said.type === "placed") answers.set(said.region, said.ok);
    const { effects } = next;
    if (state.status === "releasing" && effects[0]?.kind === "publish") checkPublished(state, answers);
    state = next.state;
    owed.push(...next.effects);
    sequence.push(next.event);
    if (isFinished(state.status)) endedAt = now;
  }
  return { state, owed, events: sequence.filter((event) => event !== null), endedAt };
}

/** What must hold of each single step. */
function checkMove(before: Deployment, after: Deployment, effects: Effect[]): void {
  const owes = (kind: Effect["kind"]) => effects.some((effect) => effect.kind === kind);
  const isGivenUp = after.status === "error" || after.status === "canceled";
  // Whoever works on it is told, and nobody else is.
  const isOver = isGivenUp || after.status === "compiling";
  expect(owes("withdraw")).toBe(isOver && before.status === "building");
  const isPlaced = before.status === "releasing" && "g0" in before.workloads;
  expect(owes("forget")).toBe(isGivenUp && isPlaced);
  // Visitors may be there already.
  if (before.status === "releasing" && before.assigning) expect(isGivenUp).toBe(false);
}

/** Nobody is sent to what too few regions run. */
function checkPublished(
  { spec: { regions, policy }, workloads, pinned, failover }: In<"releasing">,
  answers: ReadonlyMap<string, boolean>,
): void {
  for (const group of Object.keys(workloads)) {
    const all = pinned[group] ?? regions;
    const first = all.filter((one) => !failover[group]?.includes(one));
    const own = first.length > 0 ? first : all;
    const ready = own.filter((one) => answers.get(one)).length;
    const least = { all: own.length, quorum: (own.length + 1) / 2, any: 1 };
    expect(ready).toBeGreaterThanOrEqual(least[policy]);
  }
}

const EVERYTHING = [
  "queued→building",
  "queued→compiling",
  "building→building",
  "building→compiling",
  "compiling→releasing",
  "releasing→releasing",
  ...["building", "compiling", "releasing"].flatMap((one) => [`${one}→error`, `${one}→canceled`]),
  "releasing→ready",
];

const isGoingLive = (state: Deployment) => state.status === "releasing" && state.assigning;

test("no history breaks the deployment's promises", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(specs, history, (from, inputs) => {
      const { state, owed, events, endedAt } = replay(from, inputs);
      const count = (kind: Effect["kind"]) => owed.filter((effect) => effect.kind === kind).length;
      for (const { kind } of owed) seen.add(kind);
      for (const { from: before, to } of events) seen.add(`${before}→${to}`);

      // Every state that is not the end has an alarm; the end has none.
      expect(dueAt(state) === null).toBe(isFinished(state.status));
      if (endedAt !== null && state.status !== "ready") expect(endedAt).toBeLessThanOrEqual(LONGEST);

      // A poke may be repeated, an attempt not; the slot is given back exactly at the end.
      for (const [kind, most] of [
        ["dispatch", MAX_ATTEMPTS],
        ["queue-build", MAX_BUILDS],
      ] as const) {
        const asked = owed.flatMap((effect) => (effect.kind === kind ? [effect.attempt] : []));
        expect(asked).toEqual([...asked].sort((a, b) => a - b));
        expect(Math.max(0, ...asked)).toBeLessThanOrEqual(most);
      }
      for (const kind of ["publish", "place", "note-output", "forget", "withdraw"] as const)
        expect(count(kind)).toBeLessThanOrEqual(1);
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
    { numRuns: 8_000 },
  );
  // The histories come everywhere.
  for (const one of [...EVERYTHING, "place", "forget", "withdraw", "note-output"])
    expect(seen).toContain(one);
}, 30_000);

test("left alone after any history, it ends by its own alarms, unless a pointer may have taken it", () => {
  fc.assert(
    fc.property(specs, history, (from, inputs) => {
      let { state } = replay(from, inputs);
      const wasGoingLive = isGoingLive(state);
      for (let due = dueAt(state), n = 0; due !== null && n < 2_000; due = dueAt(state), n++) {
        const next = step(state, { type: "tick" }, due);
        expect(next.ok).toBe(true);
        if (!next.ok) return;
        state = next.state;
        if (wasGoingLive && n > 3) break;
      }
      expect(isFinished(state.status)).toBe(!wasGoingLive);
      if (wasGoingLive) expect(step(state, { type: "released" }, 0).ok).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

test("a cancel ends it at once, unless a pointer may already name it", () => {
  fc.assert(
    fc.property(specs, history, (from, inputs) => {
      const { state } = replay(from, inputs);
      const next = step(state, { type: "cancel" }, 0);
      expect(next.ok).toBe(!isFinished(state.status) && !isGoingLive(state));
      if (next.ok) expect(next.state.status).toBe("canceled");
    }),
  );
});

test("a task that nobody has time for is asked for again, and costs no attempt", () => {
  let state = after(spec, [{ type: "granted" }]);
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
  let state = after(spec, [{ type: "granted" }]);
  state = then(state, { type: "claim", attempt: 1 }, 1);
  state = then(state, { type: "tick" }, dueAt(state) ?? 0);
  expect(state).toMatchObject({ status: "compiling", attempt: 2 });
  expect(step(state, { ...compiled, attempt: 1, workloads: {} }, 70_000)).toEqual({
    ok: false,
    reason: "not-holder",
  });
});

/** Everything happens at once. */
const after = (from: Spec, inputs: Input[]): Deployment => {
  const first = create(from, 0);
  if (!first.ok) throw new Error("unreachable");
  return inputs.reduce<Deployment>((state, one) => then(state, one, 0), first.state);
};
function then(state: Deployment, one: Input, now: number): Deployment {
  const next = step(state, one, now);
  if (!next.ok) throw new Error(`${one.type}: ${next.reason}`);
  return next.state;
}

test("a build that no region takes is offered every five seconds, and ends after ten minutes with what to do", () => {
  let state = after(source, [granted]);
  let offers = 0;
  for (let due = dueAt(state) ?? 0; state.status === "building"; due = dueAt(state) ?? 0) {
    const next = step(state, { type: "tick" }, due);
    if (!next.ok) throw new Error(next.reason);
    offers += next.effects.filter(({ kind }) => kind === "queue-build").length;
    state = next.state;
    expect(due).toBeLessThanOrEqual(AGENT_MS);
  }
  expect(offers).toBe(AGENT_MS / OFFER_MS - 1);
  expect(state).toMatchObject({ status: "error", endedAt: AGENT_MS, failure: { code: "no_agent" } });
});

const offered: Input = { type: "offered", attempt: 1, region: "fra", isWaiting: false };

test("a build that no region can ever take ends at once; one that an agent has begun, or a later attempt, does not", () => {
  const nowhere: Input = { type: "unbuildable", attempt: 1, shared: ["public"] };
  const building = after(source, [granted]);
  expect(then(building, nowhere, 1)).toMatchObject({
    status: "error",
    endedAt: 1,
    failure: { code: "no_agent", fix: expect.stringContaining("there are public.") },
  });
  const isBegun = then(then(building, offered, 0), began, 1);
  expect(step(isBegun, nowhere, 2)).toEqual({ ok: false, reason: "nothing" });
  expect(step(building, { ...nowhere, attempt: 2 }, 2)).toEqual({ ok: false, reason: "not-holder" });
});

test("while every live builder is busy a build waits, says so once, and then ends with that as its reason", () => {
  let state = after(source, [granted]);
  const told: string[] = [];
  for (let due = dueAt(state) ?? 0; state.status === "building"; due = dueAt(state) ?? 0) {
    for (const one of [{ type: "tick" } as const, { ...offered, isWaiting: due > MINUTE }]) {
      const next = step(state, one, due);
      if (!next.ok) continue;
      if (next.event?.to === "building") told.push(next.event.cause);
      state = next.state;
    }
  }
  expect(told).toEqual(["waits for a free builder"]);
  expect(state).toMatchObject({ status: "error", endedAt: BUILDING_MS, failure: { code: "builders_busy" } });
});

test("a build in the line of a region that is lost, with no other, ends after ten minutes without one", () => {
  let state = then(after(source, [granted]), { ...offered, isWaiting: true }, 20 * MINUTE);
  for (let due = dueAt(state); due !== null; due = dueAt(state)) state = then(state, { type: "tick" }, due);
  expect(state).toMatchObject({ endedAt: 20 * MINUTE + AGENT_MS, failure: { code: "no_agent" } });
});

test("a build has its time from when an agent begins it, and is offered no more", () => {
  const state = then(then(after(source, [granted]), offered, 0), began, AGENT_MS - 1);
  const due = dueAt(state) ?? 0;
  expect(due - (AGENT_MS - 1)).toBeGreaterThan(BUILD_MS);
  const ended = step(state, { type: "tick" }, due);
  expect(ended).toMatchObject({
    state: { status: "error", failure: { code: "build_timeout" } },
    effects: [{ kind: "withdraw" }, { kind: "release-slot" }, { kind: "finish-log" }],
  });
});

test("a build whose region is lost is tried again elsewhere, and the lost one is no longer heard", () => {
  const lost: Input = { type: "build-failed", attempt: 1, region: "fra", failure, retryable: true };
  const state = after(source, [granted, began, lost]);
  expect(state).toMatchObject({ status: "building", attempt: 2, lost: ["fra"], claimed: false });
  const late: Input = { ...built, attempt: 1 };
  expect(step(state, late, 1)).toEqual({ ok: false, reason: "not-holder" });
  expect(after(source, [granted, began, { ...lost, retryable: false }])).toMatchObject({
    status: "error",
    failure,
  });
});

test("once a region has begun a build, no word of another's about the same attempt counts", () => {
  const state = after(source, [granted, { ...offered, region: "iad" }, began]);
  const others: Input[] = [
    { ...began, region: "iad", name: "Ashburn" },
    { ...built, region: "iad" },
    { type: "build-failed", attempt: 1, region: "iad", failure, retryable: false },
    { type: "build-failed", attempt: 1, region: "iad", failure, retryable: true },
  ];
  for (const other of others) expect(step(state, other, 1)).toEqual({ ok: false, reason: "not-holder" });
  expect(step(state, built, 1)).toMatchObject({ ok: true, state: { status: "compiling" } });
});

test("what is built is noted before it is compiled, and a second word of it changes nothing", () => {
  const next = step(after(source, [granted, began]), built, 1);
  expect(next).toMatchObject({
    state: { status: "compiling", manifest: "o", attempt: 1 },
    effects: [
      { kind: "withdraw" },
      { kind: "note-output", manifest: "o", bytes: 5, fileCount: 2 },
      { kind: "dispatch", attempt: 1 },
    ],
  });
  if (next.ok) expect(step(next.state, built, 2)).toEqual({ ok: false, reason: "illegal" });
});

test("created without a region, it runs in the one that builds it; an output without one is refused", () => {
  expect(after({ ...source, regions: [] }, [granted, began, built]).spec.regions).toEqual(["fra"]);
  const state = after({ ...spec, regions: [] }, [granted, { type: "claim", attempt: 1 }]);
  const run: Input = { ...compiled, attempt: 1, workloads: { g0: "w" } };
  expect(then(state, run, 0)).toMatchObject({ status: "error", failure: { code: "no_region" } });
  expect(then(state, { ...run, workloads: {} }, 0)).toMatchObject({ status: "releasing", placing: null });
});

test("created without a region, it does not run in one that was lost before it had built it", () => {
  const lost: Input = { type: "build-failed", attempt: 1, region: "fra", failure, retryable: true };
  const again: Input[] = [
    { type: "offered", attempt: 2, region: "iad", isWaiting: false },
    { type: "build-claimed", attempt: 2, region: "iad", name: "Ashburn" },
    { ...built, attempt: 2, region: "iad" },
  ];
  const state = after({ ...source, regions: [] }, [granted, began, lost, ...again]);
  expect(state).toMatchObject({ status: "compiling", spec: { regions: ["iad"] } });
});

test("each group runs where it is pinned to, and the deployment where any of them runs", () => {
  const state = after({ ...spec, regions: ["fra", "gru", "iad"], policy: "all" }, [
    granted,
    { type: "claim", attempt: 1 },
  ]);
  const workloads = { g0: "w", g1: "x" };
  const pinned = { g0: ["iad", "sin"], g1: ["fra"] };
  const next = step(state, { ...compiled, attempt: 1, workloads, pinned }, 0);
  expect(next).toMatchObject({
    state: { spec: { regions: ["fra", "iad", "sin"] }, placing: { sets: [["iad", "sin"], ["fra"]] } },
    effects: [{ kind: "place", workloads, pinned }],
  });
  // One that runs wherever the deployment does gains no region by another's.
  const further = step(state, { ...compiled, attempt: 1, workloads, pinned: { g1: ["sin"] } }, 0);
  expect(further).toMatchObject({
    state: { spec: { regions: ["fra", "gru", "iad", "sin"] } },
    effects: [{ pinned: { g0: ["fra", "gru", "iad"], g1: ["sin"] } }],
  });
  const less = step(state, { ...compiled, attempt: 1, workloads: { g1: "x" }, pinned }, 0);
  expect(less).toMatchObject({ state: { spec: { regions: ["fra"] }, pinned: {} } });
});

test("failover regions run what names no regions of its own, and do not count for its release", () => {
  const regions = ["fra", "gru", "iad"];
  const begun = (more: Partial<Spec>) =>
    after({ ...spec, regions, policy: "all", ...more }, [granted, { type: "claim", attempt: 1 }]);
  const workloads = { g0: "w", g1: "x" };
  const said = { ...compiled, attempt: 1, workloads, pinned: { g1: ["fra", "gru", "iad"] } };
  const state = then(begun({ failover: ["gru", "iad"] }), said, 0);
  expect(state).toMatchObject({
    spec: { regions },
    placing: { regions, sets: [["fra"], ["fra", "gru", "iad"]] },
    failover: { g0: ["gru", "iad"] },
  });
  const further = { ...said, pinned: { g1: ["sin"] } };
  expect(then(begun({ failover: ["iad"] }), further, 0)).toMatchObject({
    spec: { regions: [...regions, "sin"] },
    pinned: { g0: regions, g1: ["sin"] },
    failover: { g0: ["iad"] },
  });
  // Where there is nothing else they are what is waited for.
  expect(then(begun({ failover: regions }), { ...said, pinned: {} }, 0)).toMatchObject({
    placing: { sets: [regions] },
    failover: { g0: regions, g1: regions },
  });
});

test("a deployment that has no region runs if its functions name some, and only then", () => {
  const state = after({ ...spec, regions: [] }, [granted, { type: "claim", attempt: 1 }]);
  const pinned = { g1: ["iad"] };
  const run = (workloads: Record<string, string>) =>
    then(state, { ...compiled, attempt: 1, workloads, pinned }, 0);
  expect(run({ g1: "w" })).toMatchObject({ status: "releasing", spec: { regions: ["iad"] } });
  expect(run({ g0: "w", g1: "w" })).toMatchObject({ status: "error", failure: { code: "no_region" } });
});

const placing = (policy: Policy): Deployment =>
  after({ ...spec, regions: ["fra", "iad", "sin"], policy }, [
    granted,
    { type: "claim", attempt: 1 },
    { ...compiled, attempt: 1, workloads: { g0: "w" } },
  ]);
const ready = (region: string): Input => ({ type: "placed", region, ok: true });
const crashed = (region: string): Input => ({ type: "placed", region, ok: false, detail: "exit 1" });
const silent = (region: string): Input => ({ type: "unheard", region, isGone: false });
const gone = (region: string): Input => ({ type: "unheard", region, isGone: true });

test.each<[Policy, Input[], number | null]>([
  ["any", [ready("iad")], SETTLE_MS],
  ["any", [ready("fra"), ready("iad"), ready("sin")], 0],
  ["any", [crashed("fra"), ready("iad"), crashed("sin")], 0],
  ["any", [crashed("fra"), ready("fra"), ready("iad"), ready("sin")], 0],
  ["any", [silent("fra"), gone("sin"), ready("iad")], 0],
  ["any", [silent("fra"), silent("iad"), silent("sin")], null],
  ["any", [silent("fra"), silent("iad"), silent("sin"), ready("sin")], 0],
  ["any", [ready("iad"), silent("fra")], SETTLE_MS],
  ["quorum", [silent("fra"), ready("iad"), ready("sin")], 0],
  ["all", [silent("fra"), ready("iad"), ready("sin")], null],
  ["quorum", [ready("iad")], null],
  ["quorum", [ready("iad"), ready("sin")], SETTLE_MS],
  ["all", [ready("iad"), ready("sin")], null],
  ["all", [ready("iad"), ready("sin"), ready("fra")], 0],
])("%s: after %j visitors come %s ms later", (policy, inputs, wait) => {
  let state = inputs.reduce<Deployment>((so, one) => then(so, one, 0), placing(policy));
  const isPublished = () => state.status === "releasing" && state.placing === null;
  expect(isPublished()).toBe(wait === 0);
  if (wait === 0) return;
  const due = dueAt(state) ?? 0;
  expect(due).toBe(wait ?? PLACE_MS);
  state = then(state, { type: "tick" }, due);
  expect(isPublished()).toBe(wait !== null);
  if (wait === null) expect(state).toMatchObject({ status: "error", failure: { code: "not_healthy" } });
});

test.each<[Policy, Input[]]>([
  ["any", [crashed("fra"), crashed("iad"), crashed("sin")]],
  ["any", [crashed("fra"), gone("iad"), gone("sin")]],
  ["quorum", [crashed("fra"), crashed("iad")]],
  ["all", [crashed("fra")]],
])("%s: once it can't be enough any more, it ends with what each region said", (policy, inputs) => {
  const state = inputs.reduce<Deployment>((so, one) => then(so, one, 0), placing(policy));
  expect(state).toMatchObject({
    status: "error",
    failure: { detail: expect.stringContaining("Frankfurt: exit 1") },
  });
});

test("once a pointer may name it, no time that passes makes it an error; it stays until it is released", () => {
  let state = after(spec, [
    granted,
    { type: "claim", attempt: 1 },
    { ...compiled, attempt: 1, workloads: {} },
    { type: "assigning" },
  ]);
  for (let n = 0; n < 100; n++) {
    const due = dueAt(state) ?? 0;
    state = then(state, { type: "tick" }, due);
    expect(dueAt(state)).toBe(due + RELEASE_MS);
  }
  expect(then(state, { type: "released" }, 0)).toMatchObject({ status: "ready" });
});

test("a slot lasts longer than a deployment that holds it", () => {
  expect(SLOT_MS).toBeGreaterThan(LONGEST - QUEUE_MS);
});
