import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { AGENT_MS, BUILD_MS, OFFER_MS, PLACE_MS } from "#features/deployments/machine.ts";
import { SETTLE_MS } from "#features/deployments/placing.ts";
import { deploymentKey, type ServedDeployment } from "#features/deployments/served.ts";
import { CONCURRENCY } from "#features/deployments/slots.ts";
import type { Released, Spec } from "#features/deployments/state.ts";
import { owedBy, turnClock } from "./hands.ts";
import { liveRegion, newRegion } from "./regions.ts";

let made = 0;
const newTeam = (): string => `team_d${++made}`;

/** From source, unless a manifest is given. */
async function begin(team: string, more: Partial<Spec> = {}) {
  // They sort by when they were created, as all ids do.
  const id = `dpl_r${String(++made).padStart(4, "0")}`;
  const settings = {
    rootDirectory: "web",
    framework: null,
    installCommand: null,
    buildCommand: "make",
    outputDirectory: null,
    nodeVersion: "24.x",
  };
  const spec: Spec = {
    id,
    team,
    project: `prj_${id}`,
    target: "production",
    branch: null,
    pointerTargets: ["production"],
    percent: null,
    rolling: null,
    manifest: null,
    source: { manifest: "src", bytes: 1, fileCount: 1, projectName: "shop", settings, overrides: {} },
    buildLog: null,
    env: "env",
    hostname: `${id}.localhost`,
    regions: [],
    failover: [],
    policy: "any",
    names: {},
    createdAt: Date.now(),
    ...more,
  };
  await env.DB.prepare(
    `insert into deployments (id, team_id, project_id, target, hostname, manifest, file_count, bytes, env_digest,
       pointer_targets, created_by, created_at, status, state_seq, updated_at)
     values (?1, ?2, ?3, 'production', ?4, '', 1, 1, 'env', '[]', 'x', 0, 'queued', 0, 0)`,
  )
    .bind(id, team, spec.project, spec.hostname)
    .run();
  const stub = env.DEPLOYMENTS.get(env.DEPLOYMENTS.idFromName(id));
  await stub.start(spec);
  const state = async () => (await stub.read())?.state;
  return { id, stub, spec, state, comesTo: (what: object) => expect.poll(state).toMatchObject(what) };
}

/** Compiled, with a workload that regions are to run. */
async function compiled(team: string, more: Partial<Spec>, released: Partial<Released> = {}) {
  const deployment = await begin(team, { manifest: "m", source: null, ...more });
  await deployment.comesTo({ status: "compiling" });
  await deployment.stub.send({ type: "claim", attempt: 1 }, null);
  const workloads = { g0: "digest" };
  await deployment.stub.send(
    { type: "compiled", attempt: 1, site: "s", hasFunctions: true, workloads, pinned: {}, ...released },
    null,
  );
  return deployment;
}

test("source is built by the region that takes it, and what comes of it is compiled and shown", async () => {
  const team = newTeam();
  const region = await liveRegion(team);
  const { id, spec, comesTo } = await begin(team, { regions: [region.id] });
  await comesTo({ status: "building", region: region.id, claimed: false });
  const [task] = await region.claim();
  expect(task).toMatchObject({
    id: `build.${id}`,
    attempt: 1,
    team,
    projectName: "shop",
    source: "src",
    url: spec.hostname,
    settings: { rootDirectory: "web", buildCommand: "make" },
    limitMs: BUILD_MS,
  });
  await comesTo({ status: "building", claimed: true });
  if (task) await region.complete(task, "built");
  await comesTo({ status: "compiling", manifest: "built", attempt: 1 });
  const row = env.DB.prepare("select manifest, bytes, file_count, status from deployments where id = ?").bind(
    id,
  );
  await expect
    .poll(() => row.first())
    .toEqual({
      manifest: "built",
      bytes: 7,
      file_count: 3,
      status: "compiling",
    });
});

test("a region is asked as soon as there is one that builds, and the deployment then runs there", async () => {
  const team = newTeam();
  await newRegion(team);
  const { stub, comesTo } = await begin(team);
  await comesTo({ status: "building", region: null });
  await expect.poll(() => owedBy(stub)).toBe(0);
  const unable = await liveRegion(team, ["serve"]);
  const region = await liveRegion(team);
  await turnClock(stub, Date.now() + OFFER_MS);
  await runDurableObjectAlarm(stub);
  await comesTo({ region: region.id });
  expect(await unable.claim()).toEqual([]);
  const [task] = await region.claim();
  await comesTo({ claimed: true, spec: { regions: [] } });
  if (task) await region.complete(task, "built");
  await comesTo({ status: "compiling", spec: { regions: [region.id] } });
});

test("where the team has no region and names none, a build fails at once, and tells which it could name", async () => {
  const theirs = await newRegion("team_strangers");
  const alone = await begin(newTeam());
  await alone.comesTo({ status: "error", failure: { code: "no_agent" } });
  const fixOf = async ({ state }: typeof alone) => {
    const ended = await state();
    return ended?.status === "error" ? ended.failure.fix : "";
  };
  expect(await fixOf(alone)).toContain("--regions <name or id>");
  expect(await fixOf(alone)).not.toContain(theirs.id);
  await env.DB.prepare("update regions set is_shared = true where id = ?").bind(theirs.id).run();
  const other = await begin(newTeam());
  await other.comesTo({ status: "error", failure: { code: "no_agent" } });
  expect(await fixOf(other)).toContain(`${theirs.id} (another team's ${theirs.id})`);
  const named = await begin(newTeam(), { regions: [theirs.id] });
  await named.comesTo({ status: "building" });
  await expect.poll(() => owedBy(named.stub)).toBe(0);
  await named.comesTo({ status: "building" });
  await named.stub.send({ type: "cancel" }, null);
});

test("an attempt that stands in two regions is one's: the other ends it at once, and its word does not count", async () => {
  const team = newTeam();
  const [first, second] = [await liveRegion(team), await liveRegion(team)];
  const { comesTo } = await begin(team, { regions: [first.id, second.id] });
  await comesTo({ region: first.id });
  const [task] = await first.claim();
  if (!task) throw new Error("it was offered");
  await comesTo({ claimed: true, region: first.id });
  // An offer whose answer was lost: the deployment knows nothing of it.
  await second.stub.offer(task, false);
  expect(await second.claim()).toHaveLength(1);
  await expect.poll(() => second.isOver(task)).toBe(true);
  await second.stub.remove();
  await expect.poll(() => owedBy(second.stub)).toBe(0);
  await comesTo({ status: "building", attempt: 1, claimed: true, region: first.id });
  const third = await liveRegion(team);
  await third.stub.offer(task, false);
  await first.complete(task, "built");
  await comesTo({ status: "compiling", manifest: "built" });
  await expect.poll(async () => (await third.stub.inspect())?.tasks).toEqual([]);
});

test("regions share builds; while all are busy they wait, and the first that has room takes the oldest", async () => {
  const team = newTeam();
  const [first, second] = [await liveRegion(team), await liveRegion(team)];
  const all = [];
  for (let n = 0; n < 4; n++) {
    const one = await begin(team, { regions: [first.id, second.id] });
    await expect.poll(() => owedBy(one.stub)).toBe(0);
    all.push(one);
  }
  const lineOf = async ({ stub }: typeof first) =>
    ((await stub.inspect())?.tasks ?? []).map(({ deployment }) => deployment).sort();
  const [a, b, c, d] = all.map(({ id }) => id);
  expect([await lineOf(first), await lineOf(second)]).toEqual([
    [a, c],
    [b, d],
  ]);
  await all[2]?.comesTo({ isWaiting: true, claimed: false });
  const story = (await all[2]?.stub.read())?.events.map(({ cause }) => cause);
  expect(story).toContain("waits for a free builder");
  // The second is done with all that it has, while the first is at its first.
  await first.claim();
  for (const expected of [b, d]) {
    const [task] = await second.claim();
    expect(task?.deployment).toBe(expected);
    if (task) await second.complete(task, "built");
  }
  const waiting = all[2];
  if (!waiting) throw new Error("unreachable");
  // Longer than a build waits without a region.
  await turnClock(waiting.stub, Date.now() + 2 * AGENT_MS);
  await waiting.stub.send({ type: "offered", attempt: 1, region: first.id, isWaiting: true }, null);
  await turnClock(waiting.stub, Date.now() + 2 * AGENT_MS + OFFER_MS);
  await runDurableObjectAlarm(waiting.stub);
  await waiting.comesTo({ status: "building", attempt: 1, region: second.id });
  expect([await lineOf(first), await lineOf(second)]).toEqual([[a], [c]]);
  await Promise.all(all.map(({ stub }) => stub.send({ type: "cancel" }, null)));
});

test("a region that is lost with the build is asked last the next time", async () => {
  const team = newTeam();
  const [first, second] = [await liveRegion(team), await liveRegion(team)];
  const { comesTo } = await begin(team, { regions: [first.id, second.id] });
  await comesTo({ status: "building", region: first.id });
  await first.claim();
  await first.stub.remove();
  await comesTo({ status: "building", attempt: 2, region: second.id, lost: [first.id], claimed: false });
  expect(await second.claim()).toMatchObject([{ attempt: 2 }]);
});

test("a cancel ends the build in the region too, at once, and what comes late changes nothing", async () => {
  const team = newTeam();
  const region = await liveRegion(team);
  const { stub, comesTo, id } = await begin(team, { regions: [region.id] });
  await comesTo({ region: region.id });
  const [task] = await region.claim();
  await comesTo({ claimed: true });
  const before = Date.now();
  expect(await stub.send({ type: "cancel" }, null)).toMatchObject({
    ok: true,
    state: { status: "canceled" },
  });
  await expect.poll(() => task && region.isOver(task)).toBe(true);
  expect(Date.now() - before).toBeLessThan(5_000);
  if (task) await region.complete(task, "late");
  await comesTo({ status: "canceled", spec: { id } });
});

test("a deployment holds its slot while it is built, and a cancel gives it to who waits", async () => {
  const team = newTeam();
  await newRegion(team);
  const all = await Promise.all(Array.from({ length: CONCURRENCY }, () => begin(team)));
  for (const one of all) await one.comesTo({ status: "building" });
  const slots = env.SLOTS.get(env.SLOTS.idFromName(team));
  await evictDurableObject(slots);
  const next = await begin(team);
  await expect.poll(() => owedBy(slots)).toBe(0);
  await next.comesTo({ status: "queued" });
  await all[0]?.stub.send({ type: "cancel" }, null);
  await next.comesTo({ status: "building" });
  await Promise.all([...all, next].map(({ stub }) => stub.send({ type: "cancel" }, null)));
});

test("visitors come once a region runs it, and the edge is told which do", async () => {
  const team = newTeam();
  const region = await liveRegion(team);
  const { id, stub, spec, comesTo } = await compiled(team, { regions: [region.id] });
  await expect.poll(region.runs).toEqual([`${id}.g0`]);
  await comesTo({ status: "releasing", assigning: false, placing: { settleAt: null } });
  await region.report({ ready: "false", reason: "Starting" });
  expect(await stub.regions()).toMatchObject([{ id: region.id, ready: "false" }]);
  await evictDurableObject(stub);
  await region.report({});
  await comesTo({ status: "ready", workloads: { g0: "digest" } });
  expect(await env.SNAPSHOTS.get<ServedDeployment>(deploymentKey(id), "json")).toMatchObject({
    hostname: spec.hostname,
    regions: [region.id],
  });
  expect(await stub.regions()).toEqual([{ id: region.id, ready: "true", detail: "" }]);
  await stub.remove();
  expect(await region.runs()).toEqual([]);
});

test("a group that is pinned runs there alone, visitors wait for it there, and the edge is told where that is", async () => {
  const team = newTeam();
  const [first, second, third] = [await liveRegion(team), await liveRegion(team), await liveRegion(team)];
  const released = { workloads: { g0: "one", g1: "two" }, pinned: { g1: [second.id] } };
  const { id, stub, comesTo, state } = await compiled(team, { regions: [first.id, second.id] }, released);
  await expect.poll(second.runs).toEqual([`${id}.g0`, `${id}.g1`]);
  await expect.poll(first.runs).toEqual([`${id}.g0`]);
  expect(await third.runs()).toEqual([]);
  // Of all that runs in the first it is ready, but nothing there runs the second group.
  await first.report({});
  await comesTo({ placing: { answers: { [first.id]: null }, settleAt: null } });
  expect(await state()).toMatchObject({ status: "releasing" });
  await second.report({});
  await comesTo({ status: "ready" });
  expect(await env.SNAPSHOTS.get<ServedDeployment>(deploymentKey(id), "json")).toMatchObject({
    regions: [first.id, second.id],
    pinned: { g1: [second.id] },
  });
  const row = env.DB.prepare("select running from deployments where id = ?").bind(id);
  const { running } = (await row.first<{ running: string }>()) ?? { running: "" };
  expect(JSON.parse(running)).toEqual({ regions: [first.id, second.id], pinned: { g1: [second.id] } });
  await stub.remove();
  expect([await first.runs(), await second.runs()]).toEqual([[], []]);
});

test("a failover region runs it, is not waited for by `all`, and the edge is told which it is", async () => {
  const team = newTeam();
  const [first, second] = [await liveRegion(team), await liveRegion(team)];
  const regions = [first.id, second.id];
  const { id, stub, comesTo } = await compiled(team, { regions, failover: [second.id], policy: "all" });
  await expect.poll(second.runs).toHaveLength(1);
  await second.report({ ready: "false", reason: "Crashed", detail: "It broke.", restarts: 3 });
  await first.report({});
  await comesTo({ status: "ready" });
  const failover = { g0: [second.id] };
  expect(await env.SNAPSHOTS.get<ServedDeployment>(deploymentKey(id), "json")).toMatchObject({ failover });
  const row = env.DB.prepare("select running from deployments where id = ?").bind(id);
  const { running } = (await row.first<{ running: string }>()) ?? { running: "" };
  expect(JSON.parse(running)).toEqual({ regions, failover });
  await stub.remove();
});

test("one region is enough after a minute, and a late one changes nothing", async () => {
  const team = newTeam();
  const [first, second] = [await liveRegion(team), await liveRegion(team)];
  const { stub, comesTo, state } = await compiled(team, { regions: [first.id, second.id] });
  await expect.poll(second.runs).toHaveLength(1);
  await second.report({});
  await comesTo({ placing: { answers: { [second.id]: null } } });
  expect(await state()).toMatchObject({ status: "releasing" });
  await turnClock(stub, Date.now() + SETTLE_MS);
  await runDurableObjectAlarm(stub);
  await comesTo({ status: "ready" });
  await first.report({});
  await expect.poll(() => owedBy(first.stub)).toBe(0);
  await comesTo({ status: "ready" });
});

test("what crashes everywhere ends with what the region said, and is to run nowhere any more", async () => {
  const team = newTeam();
  const region = await liveRegion(team);
  const { comesTo } = await compiled(team, { regions: [region.id] });
  await expect.poll(region.runs).toHaveLength(1);
  await region.report({ ready: "false", reason: "Crashed", detail: "Cannot find module 'x'", restarts: 3 });
  await comesTo({
    status: "error",
    failure: { code: "not_healthy", detail: expect.stringContaining("Cannot find module 'x'") },
  });
  await expect.poll(region.runs).toEqual([]);
});

test("a region that starts it for too long is given up with what it last said", async () => {
  const team = newTeam();
  const region = await liveRegion(team);
  const { stub, comesTo } = await compiled(team, { regions: [region.id] });
  await expect.poll(region.runs).toHaveLength(1);
  await region.report({ ready: "false", reason: "Progressing", detail: "The image is pulled." });
  await comesTo({ status: "releasing" });
  await turnClock(stub, Date.now() + PLACE_MS);
  await runDurableObjectAlarm(stub);
  await comesTo({
    status: "error",
    failure: { code: "not_healthy", detail: expect.stringContaining("Progressing: The image is pulled.") },
  });
});

test("a release that is canceled is to run nowhere any more", async () => {
  const team = newTeam();
  const region = await liveRegion(team);
  const silent = await newRegion(team);
  const { stub, comesTo } = await compiled(team, { regions: [region.id, silent.id] });
  await expect.poll(region.runs).toHaveLength(1);
  await stub.send({ type: "cancel" }, null);
  await comesTo({ status: "canceled" });
  await expect.poll(region.runs).toEqual([]);
});

test("functions without a region are refused with what to do; a site without them needs none", async () => {
  const { comesTo } = await compiled(newTeam(), {});
  await comesTo({ status: "error", failure: { code: "no_region" } });
});
