import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import {
  digestText,
  LEASE_TTL_MS,
  type LeaseRequest,
  type RegionSnapshot,
  regionKey,
  TASK_LEASE_MS,
  type WorkloadStatus,
} from "@cloudify/protocol";
import { expect, test } from "vitest";
import { sha256 } from "#core/encoding.ts";
import { DAY } from "#core/time.ts";
import type { RegionControl } from "#features/regions/control.ts";
import { ROTATE_MS } from "#features/regions/credentials.ts";
import { KEEP_CHANGES } from "#features/regions/feed.ts";
import { HANDOVER_MS } from "#features/regions/ingress-key.ts";
import type { FromRegion, Wanted } from "#features/regions/rpc.ts";
import { buildTask } from "#features/regions/tasks.fixture.ts";
import { alarmOf, owedBy, turnClock } from "./hands.ts";

type Stub = DurableObjectStub<RegionControl>;

const by = { actor: { type: "token" as const, id: "tok_1" }, requestId: "req_1" };
const audit = (action: string) => ({ ...by, audit: { action, target: "rgn" } });

let made = 0;
async function newRegion(): Promise<{ id: string; team: string; stub: Stub }> {
  made += 1;
  const [id, team] = [`rgn_${made}`, `team_r${made}`];
  const stub = env.REGIONS.get(env.REGIONS.idFromName(id));
  await stub.configure(
    { id, team, name: "fra", latitude: 1, longitude: 2, weight: 100, settingsVersion: 1 },
    "sealed",
    "token",
  );
  return { id, team, stub };
}

const request: LeaseRequest = {
  holder: "host",
  bootId: "boot-1",
  epoch: null,
  protocols: [1],
  version: "0.1.0",
  pid: 1,
  now: Date.now(),
  driver: "process",
  capabilities: ["serve", "build"],
  capacity: { cpu: 1, memoryBytes: 1, builds: 1 },
  load: { cpu: 0, memoryBytes: 0, workloads: 0, builds: 0 },
  ingress: "http://127.0.0.1:1",
  isDraining: false,
  applied: { cursor: 0, digest: "" },
};

/** A region whose agent holds epoch 1 with the credential `one`. */
async function leased(more: Partial<LeaseRequest> = {}) {
  const region = await newRegion();
  await region.stub.exchange({ token: "token", holder: "host", credential: "one" }, "req_1");
  expect(await region.stub.renewLease("one", { ...request, ...more }, "two", "req_1")).toMatchObject({
    ok: true,
    answer: { epoch: 1 },
  });
  return region;
}

const wanted = (deployment: string, group = "a"): Wanted => ({
  id: `${deployment}.${group}`,
  team: "team_1",
  project: "prj_1",
  deployment,
  spec: "s",
  env: "e",
  isWarm: true,
});
const status = (id: string, generation: number, more: Partial<WorkloadStatus> = {}): WorkloadStatus => ({
  id,
  generation,
  ready: "true",
  reason: "Ready",
  detail: "",
  restarts: 0,
  coldStartMs: 1,
  since: Date.now(),
  ...more,
});

/** From here on what deployments are told stands in the list. @param isAway So often none can be reached. */
async function overhear(stub: Stub, isAway = 0): Promise<{ deployment: string; input: FromRegion }[]> {
  const heard: { deployment: string; input: FromRegion }[] = [];
  await runInDurableObject(stub, (object) => {
    const DEPLOYMENTS = {
      idFromName: (name: string) => name,
      get: (deployment: string) => ({
        send: async (input: FromRegion) => {
          if (isAway-- > 0) throw new Error("away");
          heard.push({ deployment, input });
          return { ok: false, reason: "nothing" };
        },
      }),
    };
    Object.assign(object, { env: { ...env, DEPLOYMENTS } });
  });
  return heard;
}

/** How often what is owed was tried in vain. */
const attemptsOf = (stub: Stub) =>
  runInDurableObject(
    stub,
    (_, { storage }) =>
      storage.sql.exec<{ n: number }>("select coalesce(max(attempts), 0) as n from outbox").one().n,
  );

const snapshotOf = (id: string) => env.SNAPSHOTS.get<RegionSnapshot>(regionKey(id), "json");
const tablesOf = (stub: Stub) =>
  runInDurableObject(
    stub,
    (_, { storage }) =>
      storage.sql.exec("select 1 from sqlite_master where name in ('facts', 'outbox')").toArray().length,
  );

test("what it holds survives eviction: lease, feed, statuses, tasks and credentials", async () => {
  const { stub } = await leased();
  await stub.desire([wanted("dpl_1"), wanted("dpl_2")]);
  await stub.forget("dpl_2");
  await stub.report("one", { epoch: 1, isFull: true, items: [status("dpl_1.a", 1)] });
  await stub.offer(buildTask("dpl_3"), false);
  const feed = () => stub.readFeed("one", { epoch: 1, after: -1, waitMs: 0 });
  const before = [await feed(), await stub.statusOf("dpl_1"), await stub.inspect()];
  await evictDurableObject(stub);
  expect([await feed(), await stub.statusOf("dpl_1"), await stub.inspect()]).toEqual(before);
  expect(before[0]).toEqual({
    ok: true,
    answer: {
      kind: "snapshot",
      cursor: 3,
      digest: await sha256(digestText([{ id: "dpl_1.a", generation: 1 }])),
      items: [{ ...wanted("dpl_1"), generation: 1 }],
      tombstones: [{ id: "dpl_2.a", generation: 3 }],
    },
  });
  await stub.desire([wanted("dpl_2")]);
  expect(await stub.readFeed("one", { epoch: 1, after: 3, waitMs: 0 })).toMatchObject({
    answer: { kind: "changes", cursor: 4, changes: [{ cursor: 4, type: "put", item: { generation: 4 } }] },
  });
});

test("more is put at once than the feed keeps changes of, and all of it survives", async () => {
  const { stub } = await leased();
  const all = Array.from({ length: KEEP_CHANGES + 10 }, (_, i) => wanted(`dpl_${i}`));
  await stub.desire(all);
  await evictDurableObject(stub);
  const feed = await stub.readFeed("one", { epoch: 1, after: 5, waitMs: 0 });
  if (!feed.ok || feed.answer.kind !== "snapshot") throw new Error("it is a snapshot");
  expect(feed.answer.items).toHaveLength(all.length);
  expect(await stub.readFeed("one", { epoch: 1, after: 20, waitMs: 0 })).toMatchObject({
    answer: { kind: "changes" },
  });
});

test("a forged credential leaves no object behind", async () => {
  const stub = env.REGIONS.get(env.REGIONS.idFromName("rgn_forged"));
  const denied = { ok: false, reason: "unauthenticated" };
  expect(await stub.renewLease("x", request, "y", "req_1")).toEqual(denied);
  expect(await stub.readFeed("x", { epoch: 1, after: 0, waitMs: 0 })).toEqual(denied);
  expect(await stub.mayRead("x", "team_1")).toEqual(denied);
  expect(await stub.inspect()).toBeNull();
  expect(await tablesOf(stub)).toBe(0);
  expect(await alarmOf(stub)).toBeNull();
});

test("a deployment is told once that it is placed, and of what can't be placed why", async () => {
  const { id, stub } = await leased();
  const heard = await overhear(stub);
  await stub.desire([wanted("dpl_1", "a"), wanted("dpl_1", "b"), wanted("dpl_2")]);
  const say = (...items: WorkloadStatus[]) => stub.report("one", { epoch: 1, isFull: false, items });
  await say(status("dpl_1.a", 1), status("dpl_1.b", 2, { ready: "false", reason: "Starting" }));
  await say(status("dpl_2.a", 3, { ready: "false", reason: "Crashed", restarts: 1 }));
  expect(heard).toEqual([]);
  await say(status("dpl_1.b", 2));
  await say(status("dpl_1.b", 2));
  await say(status("dpl_2.a", 3, { ready: "false", reason: "Crashed", restarts: 3, detail: "exit 1" }));
  await expect.poll(() => owedBy(stub)).toBe(0);
  expect(heard).toEqual([
    { deployment: "dpl_1", input: { type: "placed", region: id, ok: true } },
    { deployment: "dpl_2", input: { type: "placed", region: id, ok: false, detail: "Crashed: exit 1" } },
  ]);
});

test("a word that had to wait is not said any more when a newer one says otherwise", async () => {
  const { id, stub } = await leased();
  const heard = await overhear(stub, 1);
  await stub.desire([wanted("dpl_1")]);
  const say = (more: Partial<WorkloadStatus>) =>
    stub.report("one", { epoch: 1, isFull: false, items: [status("dpl_1.a", 1, more)] });
  await say({ ready: "false", reason: "Crashed", restarts: 3, detail: "exit 1" });
  await expect.poll(() => attemptsOf(stub)).toBe(1);
  await say({});
  await expect.poll(() => heard.length).toBe(1);
  await turnClock(stub, Date.now() + 10_000);
  await runDurableObjectAlarm(stub);
  await expect.poll(() => owedBy(stub)).toBe(0);
  expect(heard).toEqual([{ deployment: "dpl_1", input: { type: "placed", region: id, ok: true } }]);
});

test("silence is never readiness, nor is what was said of an older generation", async () => {
  const { stub } = await leased();
  await stub.desire([wanted("dpl_1")]);
  expect(await stub.statusOf("dpl_1")).toMatchObject([{ ready: "unknown", reason: "Pending" }]);
  await stub.report("one", { epoch: 1, isFull: true, items: [status("dpl_1.a", 1)] });
  expect(await stub.statusOf("dpl_1")).toMatchObject([{ ready: "true" }]);
  await turnClock(stub, Date.now() + LEASE_TTL_MS);
  expect(await stub.statusOf("dpl_1")).toMatchObject([{ ready: "unknown", reason: "RegionSilent" }]);
  expect(await stub.report("one", { epoch: 1, isFull: true, items: [] })).toEqual({
    ok: false,
    reason: "fenced",
    epoch: 1,
  });
  await stub.renewLease("one", request, "two", "req_1");
  await stub.desire([{ ...wanted("dpl_1"), env: "newer" }]);
  expect(await stub.statusOf("dpl_1")).toMatchObject([{ ready: "unknown", generation: 2 }]);
});

test("a build whose agent goes quiet is failed retryably by the alarm, and its result is not taken later", async () => {
  const { id, stub } = await leased();
  const heard = await overhear(stub);
  expect(await stub.offer(buildTask("dpl_1"), false)).toEqual({ ok: true });
  expect(await stub.claim("one", { epoch: 1, max: 1, waitMs: 0 })).toMatchObject({
    tasks: [{ id: "build.dpl_1" }],
  });
  expect(await alarmOf(stub)).toBeLessThanOrEqual(Date.now() + TASK_LEASE_MS);
  await turnClock(stub, Date.now() + TASK_LEASE_MS);
  await runDurableObjectAlarm(stub);
  expect(heard).toMatchObject([
    { deployment: "dpl_1", input: { type: "build-claimed", attempt: 1, region: id } },
    { deployment: "dpl_1", input: { type: "build-failed", attempt: 1, retryable: true } },
  ]);
  await stub.renewLease("one", request, "two", "req_1");
  const result = { ok: true as const, manifest: "m", bytes: 1, fileCount: 1 };
  expect(await stub.complete("one", "build.dpl_1", { epoch: 2, attempt: 1, result })).toEqual({
    ok: true,
    isAccepted: false,
  });
  expect(heard).toHaveLength(2);
});

test("what waits in a region that is lost is there no more when the lease lapses; its deployment looks after it", async () => {
  const { stub } = await leased();
  await stub.offer(buildTask("dpl_1"), false);
  expect(await alarmOf(stub)).toBeLessThanOrEqual(Date.now() + LEASE_TTL_MS);
  await turnClock(stub, Date.now() + LEASE_TTL_MS);
  await runDurableObjectAlarm(stub);
  expect(await stub.inspect()).toMatchObject({ tasks: [] });
  expect(await stub.takeBack("build.dpl_1", 1)).toBe(true);
  expect(await stub.offer(buildTask("dpl_1", 2), false)).toEqual({ ok: false, reason: "no-agent" });
});

test("room is what builds neither wait for nor have; without it a build is refused, unless it may wait", async () => {
  const { stub } = await leased({ capacity: { ...request.capacity, builds: 2 } });
  expect(await stub.room("build.dpl_1")).toEqual({ ok: true, free: 2 });
  for (const deployment of ["dpl_1", "dpl_2"])
    expect(await stub.offer(buildTask(deployment), true)).toEqual({ ok: true });
  await stub.claim("one", { epoch: 1, max: 1, waitMs: 0 });
  expect(await stub.offer(buildTask("dpl_3"), true)).toEqual({ ok: false, reason: "busy" });
  // Said again, it is there already.
  expect(await stub.offer(buildTask("dpl_2"), true)).toEqual({ ok: true });
  expect(await stub.offer(buildTask("dpl_3"), false)).toEqual({ ok: true });
  expect(await stub.room("build.dpl_4")).toEqual({ ok: true, free: -1 });
  expect(await stub.takeBack("build.dpl_1", 1)).toBe(false);
  expect(await stub.takeBack("build.dpl_2", 1)).toBe(true);
  expect(await stub.room("build.dpl_4")).toEqual({ ok: true, free: 0 });
});

test("a build is offered only to who can take it", async () => {
  const { stub: none } = await newRegion();
  expect(await none.offer(buildTask("dpl_1"), false)).toEqual({ ok: false, reason: "no-agent" });
  const { stub: server } = await leased({ capabilities: ["serve"] });
  expect(await server.offer(buildTask("dpl_1"), false)).toEqual({ ok: false, reason: "incapable" });
  const { stub: drained } = await leased();
  await drained.setDraining(true, audit("region.drain"));
  expect(await drained.offer(buildTask("dpl_1"), false)).toEqual({ ok: false, reason: "draining" });
});

test("the edge's copy follows ingress, drain and weight, each with a higher version", async () => {
  const { id, team, stub } = await leased();
  await expect.poll(() => snapshotOf(id)).toMatchObject({ ingress: "http://127.0.0.1:1", isDraining: false });
  const first = (await snapshotOf(id))?.version ?? 0;
  await stub.renewLease("one", { ...request, epoch: 1 }, "two", "req_1");
  await stub.setDraining(true, audit("region.drain"));
  await expect.poll(() => snapshotOf(id)).toMatchObject({ isDraining: true, version: first + 1 });
  const about = { id, team, name: "fra", latitude: 1, longitude: 2 };
  await stub.configure({ ...about, weight: 7, settingsVersion: 3 }, "other", null);
  // An older state that was under way for longer.
  await stub.configure({ ...about, weight: 100, settingsVersion: 2 }, "other", null);
  await expect
    .poll(() => snapshotOf(id))
    .toMatchObject({ weight: 7, version: first + 2, ingressKey: "sealed", v: 1 });
  // An ingress that is gone for a moment is kept: what traffic follows is what it answers.
  await stub.renewLease("one", { ...request, epoch: 1, ingress: null }, "two", "req_1");
  await expect.poll(() => owedBy(stub)).toBe(0);
  expect(await snapshotOf(id)).toMatchObject({ ingress: "http://127.0.0.1:1", version: first + 2 });
});

test("a credential is followed by the one that was offered, at its first use", async () => {
  const { stub } = await leased();
  const renew = (credential: string, next: string) => stub.renewLease(credential, request, next, "req_1");
  expect(await renew("one", "two")).toMatchObject({ isOffered: false });
  await turnClock(stub, Date.now() + ROTATE_MS);
  expect(await renew("one", "two")).toMatchObject({ isOffered: true });
  // That answer was lost; the next offers another, and either may be used.
  expect(await renew("one", "three")).toMatchObject({ isOffered: true });
  expect(await renew("two", "four")).toMatchObject({ ok: true, isOffered: false });
  for (const ended of ["one", "three"])
    expect(await renew(ended, "x")).toEqual({ ok: false, reason: "unauthenticated" });
});

test("a new token ends what was before: credential, lease, tasks, and whoever waits", async () => {
  const { stub } = await leased();
  const heard = await overhear(stub);
  await stub.offer(buildTask("dpl_1"), false);
  await stub.claim("one", { epoch: 1, max: 1, waitMs: 0 });
  const waiting = stub.readFeed("one", { epoch: 1, after: 0, waitMs: 20_000 });
  await stub.renewToken("token-2", "sealed-2", audit("region.token"));
  expect(await waiting).toEqual({ ok: false, reason: "unauthenticated" });
  await expect.poll(() => heard.map(({ input }) => input.type)).toEqual(["build-claimed", "build-failed"]);
  const exchange = (token: string) => stub.exchange({ token, holder: "host", credential: "new" }, "req_1");
  expect(await exchange("token")).toEqual({ ok: false, reason: "unauthenticated" });
  expect(await exchange("token-2")).toMatchObject({ ok: true });
  expect(await stub.renewLease("new", request, "x", "req_1")).toMatchObject({ answer: { epoch: 2 } });
});

test("a new token brings a new ingress key: the agent's with its next lease, the edge's when the ingress knows it", async () => {
  const { id, stub } = await leased();
  await stub.renewToken("token-2", "sealed-2", audit("region.token"));
  // One that is sealed anew meanwhile does not bring the old one back.
  await stub.reseal("sealed", "sealed with a newer edge key");
  await expect.poll(() => owedBy(stub)).toBe(0);
  expect(await snapshotOf(id)).toMatchObject({ ingressKey: "sealed" });
  await stub.exchange({ token: "token-2", holder: "host", credential: "new" }, "req_1");
  const renew = (epoch: number | null) => stub.renewLease("new", { ...request, epoch }, "x", "req_1");
  expect(await renew(null)).toMatchObject({ ingressKey: "sealed-2", answer: { epoch: 2 } });
  await expect.poll(() => owedBy(stub)).toBe(0);
  expect(await snapshotOf(id)).toMatchObject({ ingressKey: "sealed" });
  await turnClock(stub, Date.now() + HANDOVER_MS + 1_000);
  expect(await renew(null)).toMatchObject({ ingressKey: "sealed-2" });
  await expect.poll(() => snapshotOf(id)).toMatchObject({ ingressKey: "sealed-2" });
});

test("a removed region has tombstones for all it ran, the edge is told that it is gone, and is forgotten in a day", async () => {
  const { id, stub } = await leased();
  await stub.desire([wanted("dpl_1")]);
  await expect.poll(() => snapshotOf(id)).toMatchObject({ ingress: "http://127.0.0.1:1" });
  const version = (await snapshotOf(id))?.version ?? 0;
  await stub.remove();
  const told = { ingress: null, ingressKey: "", isRemoved: true, version: version + 1 };
  await expect.poll(() => snapshotOf(id)).toMatchObject(told);
  const { keys } = await env.SNAPSHOTS.list({ prefix: regionKey(id) });
  expect(keys.find(({ name }) => name === regionKey(id))?.expiration).toBeGreaterThan(Date.now() / 1_000);
  const facts = await runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec<{ name: string }>("select name from facts where name glob '*:dpl_1.a'").toArray(),
  );
  expect(facts).toEqual([{ name: "tombstone:dpl_1.a" }]);
  expect(await stub.inspect()).toBeNull();
  await stub.desire([wanted("dpl_2")]);
  await turnClock(stub, Date.now() + DAY);
  await runDurableObjectAlarm(stub);
  expect(await tablesOf(stub)).toBe(0);
});

test("whoever waits for a change is answered when it comes", async () => {
  const { stub } = await leased();
  const waiting = stub.readFeed("one", { epoch: 1, after: 0, waitMs: 20_000 });
  const claiming = stub.claim("one", { epoch: 1, max: 1, waitMs: 20_000 });
  await stub.desire([wanted("dpl_1")]);
  await stub.offer(buildTask("dpl_2"), false);
  expect(await waiting).toMatchObject({ answer: { cursor: 1 } });
  expect(await claiming).toMatchObject({ tasks: [{ deployment: "dpl_2" }] });
});

test("leases, exchanges and drains are in the trail, renewals are not", async () => {
  const { team, stub } = await leased();
  await stub.renewLease("one", { ...request, epoch: 1 }, "two", "req_1");
  await stub.setDraining(true, audit("region.drain"));
  await expect.poll(() => owedBy(stub)).toBe(0);
  const { results } = await env.DB.prepare(
    "select actor_type, action from audit_entries where team_id = ? order by seq",
  )
    .bind(team)
    .all();
  expect(results).toEqual([
    { actor_type: "agent", action: "region.exchange" },
    { actor_type: "agent", action: "region.lease" },
    { actor_type: "token", action: "region.drain" },
  ]);
});
