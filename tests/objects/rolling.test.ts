import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { MINUTE, type Millis, SECOND } from "#core/time.ts";
import { DEFAULT_GUARD, type Guard } from "#features/pointers/guard.ts";
import type { Stage } from "#features/pointers/rolling.ts";
import { type By, pointerKey, pointerName } from "#features/pointers/rpc.ts";
import { SLOT_MS } from "#features/traffic/machine.ts";
import { Tallies } from "#features/traffic/tallies.ts";
import { alarmOf, owedBy, turnClock } from "./hands.ts";

const STAGES: Stage[] = [{ percent: 10, minutes: 5 }, { percent: 50, minutes: 10 }, { percent: 100 }];
const by = (action: string): By => ({
  actor: { type: "token", id: "tok_1" },
  requestId: "req_1",
  audit: { action, target: "prj" },
});

let made = 0;
/** A project's production with `old` live, and `next` rolled out since `now`. */
async function newRelease(now: Millis, guard: Guard | null, stages = STAGES) {
  made += 1;
  const of = { team: `team_r${made}`, project: `prj_r${made}`, target: "production" };
  const names = { old: `dpl_old${made}`, next: `dpl_next${made}` };
  const stub = env.POINTERS.get(env.POINTERS.idFromName(pointerName(of.project, of.target)));
  const traffic = env.TRAFFIC.get(env.TRAFFIC.idFromName(of.project));
  const assign = (deployment: string, createdAt: number, plan?: { stages: Stage[]; guard: Guard | null }) =>
    stub.send(of, { type: "assign", release: { deployment, site: "s", createdAt }, plan }, null);
  await turnClock(stub, now);
  await assign(names.old, 1);
  await assign(names.next, 2, { stages, guard });
  return { of, names, stub, traffic, assign };
}
type Release = Awaited<ReturnType<typeof newRelease>>;

const settled = (stub: Release["stub"]) => expect.poll(() => owedBy(stub)).toBe(0);
const entriesOf = async (team: string) =>
  (await env.DB.prepare("select * from audit_entries where team_id = ? order by seq").bind(team).all())
    .results;
const logOf = async (deployment: string) =>
  (await env.LOGS.get(env.LOGS.idFromName(deployment)).read(deployment, 0, 100)).rows.map(({ text }) => text);

let batch = 0;
/** So many requests of a deployment at a moment, of which some failed. */
async function answered(
  { traffic }: Release,
  [deployment, at, requests, errors]: [string, Millis, number, number],
  isProduction = true,
) {
  const tallies = new Tallies();
  const more = { cache: "none", bytesIn: 0, bytesOut: 0, functionMs: null, region: null } as const;
  for (let i = 0; i < requests; i++)
    tallies.add({ at, deployment, isProduction, status: i < errors ? 500 + (i % 5) : 200, ...more });
  batch += 1;
  await traffic.add(`b${batch}`, tallies.all());
}

test("each stage ends by the alarm at its time, also when the object was evicted meanwhile", async () => {
  const start = Date.now();
  const { of, names, stub } = await newRelease(start, null);
  expect((await stub.read())?.canary?.percent).toBe(10);
  await settled(stub);
  await runDurableObjectAlarm(stub);
  expect(await alarmOf(stub)).toBeGreaterThan(start + 4 * MINUTE);
  expect(await alarmOf(stub)).toBeLessThanOrEqual(Date.now() + 5 * MINUTE);

  await turnClock(stub, start + 5 * MINUTE - 1);
  await runDurableObjectAlarm(stub);
  expect((await stub.read())?.canary?.percent).toBe(10);

  await evictDurableObject(stub);
  expect(await alarmOf(stub)).not.toBeNull();
  const second = start + 5 * MINUTE;
  await turnClock(stub, second);
  await runDurableObjectAlarm(stub);
  expect((await stub.read())?.canary).toMatchObject({ percent: 50, rolling: { stage: 1, since: second } });
  await evictDurableObject(stub);

  await turnClock(stub, second + 10 * MINUTE);
  await runDurableObjectAlarm(stub);
  await settled(stub);
  const end = await stub.read();
  expect(end).toMatchObject({ live: { deployment: names.next }, epoch: 4 });
  expect(end?.canary).toBeUndefined();
  expect(await alarmOf(stub)).toBeNull();
  expect(await env.SNAPSHOTS.get(pointerKey(of.project, of.target), "json")).toEqual(end);
  expect(await entriesOf(of.team)).toMatchObject([
    { action: "deployment.rollout-advance", target: names.next, actor_type: "system" },
    { action: "deployment.rollout-advance", target: names.next, actor_id: "rolling-release" },
  ]);
  expect(await logOf(names.next)).toEqual([
    "rolling release: stage 1 of 3, 10 % of the visitors, for 5 min",
    "rolling release: stage 2 of 3, 50 % of the visitors, for 10 min",
    "rolling release: complete at 50 % of the visitors: its last stage was over",
  ]);
  expect((await stub.watch())?.last).toMatchObject({ outcome: "completed", by: "time" });
});

test("a release whose visitors get errors is aborted by the alarm, and the figures are in trail and log", async () => {
  const start = Date.now();
  const release = await newRelease(start, DEFAULT_GUARD);
  const { of, names, stub } = release;
  await answered(release, [names.old, start + 20 * SECOND, 540, 1]);
  await answered(release, [names.next, start + 20 * SECOND, 49, 49]);
  await turnClock(stub, start + 30 * SECOND);
  await runDurableObjectAlarm(stub);
  // By one request too few to tell.
  expect(await stub.watch()).toMatchObject({ verdict: "few", pointer: { canary: { percent: 10 } } });

  await answered(release, [names.next, start + 31 * SECOND, 11, 1]);
  await evictDurableObject(stub);
  await turnClock(stub, start + 40 * SECOND);
  await runDurableObjectAlarm(stub);
  await settled(stub);
  const end = await stub.read();
  expect(end).toMatchObject({ live: { deployment: names.old }, held: false, epoch: 3 });
  expect(end?.canary).toBeUndefined();
  // What routers fall back on says so, too.
  expect(await env.SNAPSHOTS.get(pointerKey(of.project, of.target), "json")).toEqual(end);
  const [entry, ...others] = await entriesOf(of.team);
  expect(others).toEqual([]);
  expect(entry).toMatchObject({
    action: "deployment.rollout-abort",
    target: names.next,
    actor_type: "system",
    actor_id: "rolling-release",
  });
  expect(JSON.parse(String(entry?.detail))).toMatchObject({
    percent: 10,
    stage: 0,
    live: { requests: 540, errors: 1 },
    canary: { requests: 60, errors: 50 },
    guard: DEFAULT_GUARD,
  });
  expect((await logOf(names.next)).at(-1)).toMatch(
    /aborted at 10 %.* 50 of 60 \(83\.3 %\).* 1 of 540 \(0\.2 %\)/,
  );
  expect((await stub.watch())?.last).toMatchObject({
    deployment: names.next,
    outcome: "aborted",
    by: "guard",
    figures: { canary: { requests: 60, errors: 50 } },
  });
  // The next deployment goes out as ever.
  await release.assign(`dpl_z${made}`, 3, { stages: STAGES, guard: DEFAULT_GUARD });
  expect((await stub.read())?.canary?.percent).toBe(10);
});

test("neither what was answered before it began counts, nor what came by another host", async () => {
  const start = Date.now() - (Date.now() % SLOT_MS) + 5 * SECOND;
  const release = await newRelease(start, DEFAULT_GUARD);
  const { names, stub } = release;
  await answered(release, [names.next, start - 1, 500, 500]);
  await answered(release, [names.next, start + 20 * SECOND, 500, 500], false);
  await answered(release, [names.next, start + 20 * SECOND, 60, 0]);
  await turnClock(stub, start + 30 * SECOND);
  await runDurableObjectAlarm(stub);
  expect(await stub.watch()).toMatchObject({
    verdict: "fine",
    figures: { canary: { requests: 60, errors: 0 } },
  });
});

test("while nobody can tell how it does, it is neither aborted nor advanced", async () => {
  const start = Date.now();
  const release = await newRelease(start, DEFAULT_GUARD);
  const { stub, traffic } = release;
  await runInDurableObject(traffic, (_, { storage }) => {
    storage.sql.exec("alter table served rename to lost");
  });
  await turnClock(stub, start + 6 * MINUTE);
  await runDurableObjectAlarm(stub);
  expect(await stub.watch()).toMatchObject({ figures: null, pointer: { canary: { percent: 10 } } });
  // It looks again after a while, not at once.
  expect(await alarmOf(stub)).toBeGreaterThan(Date.now() + 5 * SECOND);
  await runInDurableObject(traffic, (_, { storage }) => {
    storage.sql.exec("alter table lost rename to served");
  });
  await turnClock(stub, start + 6 * MINUTE + 10 * SECOND);
  await runDurableObjectAlarm(stub);
  expect((await stub.read())?.canary?.percent).toBe(50);
});

test("of callers that advance what they saw, one wins; each refused one changes and notes nothing", async () => {
  const { of, stub, names } = await newRelease(Date.now(), null);
  const { epoch = 0 } = (await stub.read()) ?? {};
  const sent = await Promise.all(
    Array.from({ length: 5 }, () =>
      stub.send(of, { type: "advance", ifEpoch: epoch }, by("deployment.rollout-advance")),
    ),
  );
  expect(sent.map((one) => one.ok).sort()).toEqual([false, false, false, false, true]);
  await settled(stub);
  expect((await stub.read())?.canary?.percent).toBe(50);
  const [entry, ...others] = await entriesOf(of.team);
  expect([entry?.actor_id, others]).toEqual(["tok_1", []]);
  expect(JSON.parse(String(entry?.detail))).toEqual({ deployment: names.next, percent: 10, stage: 0 });
  expect(await logOf(names.next)).toHaveLength(2);
});

test("a caller's abort stops the alarm; so does the end of the project", async () => {
  const { of, stub, names } = await newRelease(Date.now(), DEFAULT_GUARD);
  await stub.send(of, { type: "abort" }, by("deployment.rollout-abort"));
  await settled(stub);
  await runDurableObjectAlarm(stub);
  expect(await alarmOf(stub)).toBeNull();
  expect((await logOf(names.next)).at(-1)).toBe(
    "rolling release: aborted at 10 % of the visitors: somebody asked for it (tok_1)",
  );
  const gone = await newRelease(Date.now(), DEFAULT_GUARD);
  await settled(gone.stub);
  await gone.stub.remove();
  expect(await alarmOf(gone.stub)).toBeNull();
  expect(await gone.stub.watch()).toBeNull();
});
