import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { NO_BUILD_SETTINGS } from "@cloudify/protocol";
import { expect, test } from "vitest";
import {
  AGENT_MS,
  CLAIM_MS,
  COMPILE_MS,
  dueAt,
  LEASE_MS,
  PLACE_MS,
  QUEUE_MS,
  RELEASE_MS,
} from "#features/deployments/machine.ts";
import type { DeploymentRpc } from "#features/deployments/rpc.ts";
import { CONCURRENCY, SLOT_MS } from "#features/deployments/slots.ts";
import type { Deployment, Source, Spec } from "#features/deployments/state.ts";
import { pointerName } from "#features/pointers/rpc.ts";
import type { DeploymentObject } from "#objects/deployment.ts";
import { alarmOf, owedBy, refuse, relent, turnClock } from "./hands.ts";
import { newRegion } from "./regions.ts";

type Stub = DurableObjectStub<DeploymentRpc>;

let made = 0;
/** Of a team and a project of its own, so that no test sees another's slots and pointers. */
const begin = async (more: Partial<Spec> = {}): Promise<{ stub: Stub; spec: Spec }> => {
  made += 1;
  const spec: Spec = {
    id: `dpl_${made}`,
    team: `team_${made}`,
    project: `prj_${made}`,
    target: "production",
    branch: null,
    pointerTargets: ["production"],
    percent: null,
    rolling: null,
    manifest: "m",
    source: null,
    buildLog: null,
    env: "e",
    hostname: `h${made}.localhost`,
    regions: [],
    failover: [],
    policy: "any",
    names: {},
    createdAt: Date.now() + made,
    ...more,
  };
  const stub = env.DEPLOYMENTS.get(env.DEPLOYMENTS.idFromName(spec.id));
  await stub.start(spec);
  return { stub, spec };
};

const stateOf = async (stub: Stub): Promise<Deployment> => {
  const found = await stub.read();
  if (!found) throw new Error("it has not begun");
  return found.state;
};
const comesTo = (stub: Stub, status: Deployment["status"]) =>
  expect.poll(async () => (await stateOf(stub)).status).toBe(status);

const slotsOf = (team: string) => env.SLOTS.get(env.SLOTS.idFromName(team));
const pointerOf = (project: string) =>
  env.POINTERS.get(env.POINTERS.idFromName(pointerName(project, "production")));

/** All slots of a team are taken by deployments at work. */
async function fillSlots(team: string): Promise<Stub[]> {
  const all = await Promise.all(Array.from({ length: CONCURRENCY }, () => begin({ team })));
  for (const { stub } of all) await comesTo(stub, "compiling");
  return all.map(({ stub }) => stub);
}

const source: Source = {
  manifest: "src",
  bytes: 1,
  fileCount: 1,
  projectName: "p",
  settings: NO_BUILD_SETTINGS,
  overrides: {},
};
const compiled = {
  type: "compiled",
  attempt: 1,
  site: "s",
  hasFunctions: false,
  workloads: {},
  pinned: {},
} as const;

/** How a deployment comes to each state that is not the end, and what ends it when nothing more happens. */
const STATES = {
  queued: {
    lasts: QUEUE_MS,
    code: "queue_timeout",
    reach: async () => {
      const team = `team_full_${made}`;
      await fillSlots(team);
      return (await begin({ team })).stub;
    },
  },
  compiling: {
    lasts: COMPILE_MS,
    code: "compile_timeout",
    reach: async () => {
      const { stub } = await begin();
      await comesTo(stub, "compiling");
      return stub;
    },
  },
  claimed: {
    lasts: COMPILE_MS,
    code: "compile_timeout",
    reach: async () => {
      const stub = await STATES.compiling.reach();
      expect(await stub.send({ type: "claim", attempt: 1 }, null)).toMatchObject({ ok: true });
      return stub;
    },
  },
  building: {
    lasts: AGENT_MS,
    code: "no_agent",
    reach: async () => {
      const { id } = await newRegion();
      const { stub } = await begin({ manifest: null, source, regions: [id] });
      await comesTo(stub, "building");
      return stub;
    },
  },
  placing: {
    lasts: PLACE_MS,
    code: "not_healthy",
    reach: async () => {
      const { id } = await newRegion();
      const { stub } = await begin({ regions: [id] });
      await comesTo(stub, "compiling");
      await stub.send({ type: "claim", attempt: 1 }, null);
      await stub.send({ ...compiled, workloads: { g0: "w" } }, null);
      return stub;
    },
  },
  releasing: {
    lasts: RELEASE_MS,
    code: "release_timeout",
    reach: async () => {
      const { stub } = await begin();
      await comesTo(stub, "compiling");
      // It never comes to the pointers.
      await refuse(stub, "insert on facts", `new.value like '%"assigning":true%'`);
      await stub.send({ type: "claim", attempt: 1 }, null);
      await stub.send(compiled, null);
      return stub;
    },
  },
};

/** A pointer takes nothing, so a release that has come to the pointers can't be finished. */
async function assigning(): Promise<Stub> {
  const { stub, spec } = await begin();
  await comesTo(stub, "compiling");
  await refuse(pointerOf(spec.project), "insert on facts");
  await stub.send({ type: "claim", attempt: 1 }, null);
  await stub.send(compiled, null);
  await expect.poll(() => stateOf(stub)).toMatchObject({ status: "releasing", assigning: true });
  return stub;
}

for (const [name, { reach, lasts, code }] of Object.entries(STATES)) {
  test(`${name}: it survives eviction, and its alarm comes no later than it is due`, async () => {
    const stub = await reach();
    const before = await stub.read();
    const due = before && dueAt(before.state);
    expect(await alarmOf(stub)).toBeLessThanOrEqual(due ?? 0);
    await evictDurableObject(stub);
    expect(await stub.read()).toMatchObject({
      events: before?.events,
      state: { status: before?.state.status },
    });
    expect(await alarmOf(stub)).toBeLessThanOrEqual(due ?? 0);
  });

  test(`${name}: the alarm behind its deadline ends it in error with a reason`, async () => {
    const stub = await reach();
    await evictDurableObject(stub);
    await turnClock(stub, Date.now() + lasts);
    await runDurableObjectAlarm(stub);
    await comesTo(stub, "error");
    const state = await stateOf(stub);
    expect(state).toMatchObject({ status: "error", failure: { code } });
    if (state.status === "error") expect(state.failure.fix).not.toBe("");
    await expect.poll(() => owedBy(stub)).toBe(0);
    await runDurableObjectAlarm(stub);
    expect(await alarmOf(stub)).toBeNull();
  });
}

test("an end survives eviction and owes no alarm", async () => {
  const { stub } = await begin();
  await comesTo(stub, "compiling");
  await stub.send({ type: "claim", attempt: 1 }, null);
  await stub.send(compiled, null);
  await comesTo(stub, "ready");
  const before = await stub.read();
  await expect.poll(() => owedBy(stub)).toBe(0);
  await evictDurableObject(stub);
  expect(await stub.read()).toEqual(before);
  await runDurableObjectAlarm(stub);
  expect(await alarmOf(stub)).toBeNull();
  expect(await stub.read()).toEqual(before);
});

test("an attempt that nobody claims is asked for again, without a word in the history", async () => {
  const stub = await STATES.compiling.reach();
  const before = await stub.read();
  await expect.poll(() => owedBy(stub)).toBe(0);
  await turnClock(stub, Date.now() + CLAIM_MS);
  await runInDurableObject(stub, async (object: DeploymentObject, state) => {
    const sent: unknown[] = [];
    const watched = { send: async (task: unknown) => void sent.push(task) };
    Object.assign(object, { env: { ...env, TASKS: watched } });
    await object.alarm();
    expect(sent).toEqual([{ type: "compile", deployment: before?.state.spec.id, attempt: 1 }]);
    expect(state.storage.sql.exec("select 1 from outbox").toArray()).toEqual([]);
  });
  expect(await stub.read()).toMatchObject({
    state: { status: "compiling", attempt: 1, claimed: false, seq: before?.state.seq },
    events: before?.events,
  });
  expect(await stub.send({ type: "claim", attempt: 1 }, null)).toMatchObject({ ok: true });
});

test("an attempt whose holder goes quiet is followed by another, and its holder is no longer heard", async () => {
  const stub = await STATES.claimed.reach();
  await evictDurableObject(stub);
  await turnClock(stub, Date.now() + LEASE_MS);
  await runDurableObjectAlarm(stub);
  expect(await stateOf(stub)).toMatchObject({ status: "compiling", attempt: 2, claimed: false });
  expect(await stub.send({ type: "heartbeat", attempt: 1 }, null)).toEqual({
    ok: false,
    reason: "not-holder",
  });
});

test("a release that a pointer refuses is finished once it takes it, by the alarm", async () => {
  const stub = await assigning();
  const { spec } = await stateOf(stub);
  const pointer = pointerOf(spec.project);
  expect(await pointer.read()).toBeNull();
  await relent(pointer);
  await evictDurableObject(stub);
  await turnClock(stub, Date.now() + RELEASE_MS / 2);
  await runDurableObjectAlarm(stub);
  expect(await stateOf(stub)).toMatchObject({ status: "ready" });
  expect(await pointer.read()).toMatchObject({ epoch: 1, live: { deployment: spec.id } });
});

test("once a pointer may name it, its deadline makes no error of it: it is released when the pointer takes it", async () => {
  const stub = await assigning();
  const { spec } = await stateOf(stub);
  const now = Date.now();
  for (const later of [RELEASE_MS, 2 * RELEASE_MS, 10 * RELEASE_MS]) {
    await turnClock(stub, now + later);
    await runDurableObjectAlarm(stub);
    expect(await stateOf(stub)).toMatchObject({ status: "releasing", assigning: true });
  }
  await relent(pointerOf(spec.project));
  await turnClock(stub, now + 11 * RELEASE_MS);
  await runDurableObjectAlarm(stub);
  expect(await stateOf(stub)).toMatchObject({ status: "ready" });
});

test("a cancel frees the slot for who waits, and who was canceled while waiting takes none", async () => {
  const team = "team_cancel";
  const [first, second] = await fillSlots(team);
  const { stub: gone, spec } = await begin({ team });
  const { stub: next } = await begin({ team });
  const { stub: last } = await begin({ team });
  expect((await stateOf(next)).status).toBe("queued");
  await gone.send({ type: "cancel" }, null);
  await first?.send({ type: "cancel" }, null);
  await comesTo(next, "compiling");
  expect(await stateOf(gone)).toMatchObject({ status: "canceled", spec: { id: spec.id } });
  expect((await stateOf(last)).status).toBe("queued");
  await second?.send({ type: "cancel" }, null);
  await comesTo(last, "compiling");
});

test("a slot whose holder was lost is taken back, and survives eviction until then", async () => {
  const team = "team_lost";
  const [lost] = await fillSlots(team);
  const { stub: next } = await begin({ team });
  await lost?.remove();
  const slots = slotsOf(team);
  await evictDurableObject(slots);
  await turnClock(slots, Date.now() + SLOT_MS - 60_000);
  await runDurableObjectAlarm(slots);
  expect((await stateOf(next)).status).toBe("queued");
  await turnClock(slots, Date.now() + SLOT_MS);
  await runDurableObjectAlarm(slots);
  await comesTo(next, "compiling");
});

test("the alarm arms itself before it acts, and an error in it is not its last", async () => {
  const stub = await STATES.compiling.reach();
  await expect.poll(() => owedBy(stub)).toBe(0);
  await refuse(stub, "insert on facts");
  await turnClock(stub, Date.now() + COMPILE_MS);
  const armed = await runInDurableObject(stub, async (object, { storage }) => {
    // As the platform does before it calls the handler.
    await storage.deleteAlarm();
    const ended = (object as unknown as DeploymentObject).alarm();
    const early = await storage.getAlarm();
    await expect(ended).resolves.toBeUndefined();
    return { early, late: await storage.getAlarm() };
  });
  expect(armed.early).toBeGreaterThan(Date.now());
  // Not at once: what fails again and again must not spin.
  expect(armed.late).toBeGreaterThan(Date.now());
  expect((await stateOf(stub)).status).toBe("compiling");
  await relent(stub);
  await runDurableObjectAlarm(stub);
  expect(await stateOf(stub)).toMatchObject({ status: "error", failure: { code: "compile_timeout" } });
});

test("removed, it is as new and has no alarm", async () => {
  const stub = await STATES.compiling.reach();
  await stub.remove();
  expect(await stub.read()).toBeNull();
  expect(await alarmOf(stub)).toBeNull();
});
