import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { digestText, LEASE_TTL_MS } from "@cloudify/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, sha256, startPlatform, type TestPlatform } from "#tests/deployments/platform.ts";
import { addRegion, type Played, playAgent, REGION } from "./agent.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

const rowOf = async (name: string): Promise<Answer["body"]> =>
  (await platform.call("GET", `/api/regions/${name}`)).body;
const entries = async (action: string): Promise<Record<string, unknown>[]> =>
  (await platform.db.prepare("select * from audit_entries where action = ?").bind(action).all()).results;

const wanted = (deployment: string, team = "team_x") => ({
  id: `${deployment}.a`,
  team,
  project: "prj_1",
  deployment,
  spec: "s",
  env: "e",
  isWarm: true,
});

async function agentOf(name: string): Promise<Played> {
  const { token } = await addRegion(platform, { name });
  const agent = await playAgent(platform, token);
  await agent.acquire();
  return agent;
}

test("a token is exchanged once: whoever comes second is refused, told what to do, and seen in the trail", async () => {
  const { id, token } = await addRegion(platform, { name: "once" });
  expect(token).toMatch(/^cfyr_[A-Za-z0-9_]+$/);
  expect((await rowOf("once")).status).toBe("never");
  const agent = await playAgent(platform, token);
  expect(agent.credential).toMatch(/^cfya_[A-Za-z0-9_]+$/);
  expect(agent.id).toBe(id);
  const again = await platform.call("POST", "/agent/v1/exchange", { holder: "thief" }, { token });
  expect(again).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  expect(again.body.fix).toContain("cloudify regions token");
  await expect.poll(() => entries("region.exchange-refused")).toMatchObject([{ target: id, actor_id: id }]);
  // The first is not ended by it: whoever knows of the theft makes a new token.
  await agent.acquire();
});

test("a region comes up with its agent's first lease, as it says it is", async () => {
  const agent = await agentOf("up");
  const answer = await agent.lease();
  expect(answer.body).toMatchObject({ epoch: 1, protocol: 1, isDraining: false, feed: { cursor: 0 } });
  expect(answer.body.ingressKey).toMatch(/^[0-9a-f]{64}$/);
  expect(answer.body.feed.digest).toBe(sha256(""));
  expect(await rowOf("up")).toMatchObject({
    ...REGION,
    name: "up",
    status: "up",
    lease: { holder: "host-1", epoch: 1 },
    agent: { bootId: "boot-1", version: "0.1.0", pid: 1, driver: "process" },
    capacity: { builds: 2 },
    load: { cpu: 0.5 },
    lagCursors: 0,
    deployments: [],
    ingress: "http://127.0.0.1:9999",
  });
  expect((await platform.call("GET", "/api/regions")).body.data).toContainEqual(
    expect.objectContaining({ name: "up", status: "up" }),
  );
});

test("whether its ingress is reached is told beside its agent's status: nobody there, somebody else, silence, itself", async () => {
  const agent = await agentOf("ways");
  let answer: (response: ServerResponse) => void = (response) => response.writeHead(404).end();
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    answer(response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await agent.lease({ ingress: `http://127.0.0.1:${port}` });
  const reached = async () => {
    const { status, reached } = await rowOf("ways");
    expect(status).toBe("up");
    return reached;
  };
  expect(await reached()).toMatchObject({ isReachable: false, detail: expect.stringContaining("404") });
  answer = (response) => response.writeHead(302, { location: "/elsewhere" }).end();
  expect(await reached()).toMatchObject({ isReachable: false, detail: expect.stringContaining("302") });
  answer = (response) => response.writeHead(503).end();
  expect(await reached()).toMatchObject({
    isReachable: false,
    detail: expect.stringContaining("no requests"),
  });
  answer = () => undefined;
  expect(await reached()).toMatchObject({ isReachable: false, detail: expect.stringContaining("1000 ms") });
  answer = (response) => response.writeHead(200).end();
  expect(await reached()).toMatchObject({ isReachable: true, detail: null, ms: expect.any(Number) });
  expect(new Set(asked)).toEqual(new Set(["/_cloudify/health"]));
  const listed = (await platform.call("GET", "/api/regions")).body.data as { name: string }[];
  expect(listed.find((one) => one.name === "ways")).toMatchObject({ reached: { isReachable: true } });
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  expect(await reached()).toMatchObject({
    isReachable: false,
    detail: expect.stringContaining("can't be reached"),
  });
});

test("what no agent may call with: nothing, a user's token, a region's token, another region's id, a made-up one", async () => {
  const { token } = await addRegion(platform, { name: "locks" });
  const agent = await playAgent(platform, token);
  const body = { epoch: 1, max: 1, waitMs: 0 };
  const moved = agent.credential.replace(/_[0-9a-z]{26}_/, `_${"0".repeat(26)}_`);
  const changed = `${agent.credential.slice(0, -1)}${agent.credential.endsWith("0") ? "1" : "0"}`;
  for (const credential of [platform.token, token, moved, changed, "x"]) {
    const answer = await agent.call("POST", "tasks/claim", body, credential);
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  }
  expect((await platform.call("GET", "/api/me", undefined, { token: agent.credential })).status).toBe(401);
});

test("an old version of the protocol is told which are spoken", async () => {
  const { token } = await addRegion(platform, { name: "old" });
  const agent = await playAgent(platform, token);
  const answer = await agent.lease({ protocols: [0] });
  expect(answer).toMatchObject({ status: 426, body: { code: "protocol_unsupported", protocols: [1] } });
  expect((await rowOf("old")).status).toBe("never");
});

test("a skewed clock is shown, and changes nothing", async () => {
  const { token } = await addRegion(platform, { name: "skewed" });
  const agent = await playAgent(platform, token);
  await agent.acquire({ now: Date.now() - 3_600_000 });
  const row = await rowOf("skewed");
  expect(row.status).toBe("up");
  expect(Math.abs(row.skewMs + 3_600_000)).toBeLessThan(10_000);
  expect(Math.abs(row.lease.expiresAt - Date.now() - LEASE_TTL_MS)).toBeLessThan(10_000);
});

test("another process of the installation takes over at once, and every late write of the first is refused", async () => {
  const agent = await agentOf("zombie");
  await platform.region(agent.id).desire([wanted("dpl_1")]);
  const status = (epoch: number, ready: string) => ({
    epoch,
    isFull: true,
    items: [
      {
        id: "dpl_1.a",
        generation: 1,
        ready,
        reason: "Ready",
        detail: "",
        restarts: 0,
        coldStartMs: null,
        since: 0,
      },
    ],
  });
  await agent.acquire({ bootId: "boot-2" });
  expect((await agent.call("POST", "status", status(2, "true"))).status).toBe(200);
  const late = [
    agent.call("POST", "status", status(1, "false")),
    agent.call("GET", "feed?epoch=1&after=0"),
    agent.call("POST", "tasks/claim", { epoch: 1, max: 1, waitMs: 0 }),
    agent.call("POST", "tasks/build.dpl_1/heartbeat", { epoch: 1, attempt: 1 }),
    agent.call("POST", "tasks/build.dpl_1/complete", {
      epoch: 1,
      attempt: 1,
      result: { ok: true, output: [] },
    }),
    agent.call("POST", "logs", { epoch: 1, chunks: [] }),
    agent.lease({ epoch: 1 }),
  ];
  for (const answer of await Promise.all(late))
    expect(answer).toMatchObject({ status: 409, body: { code: "fenced", epoch: 2 } });
  expect(await rowOf("zombie")).toMatchObject({ deployments: [{ id: "dpl_1", ready: "true" }] });
});

test("another installation waits until the first is silent", async () => {
  const agent = await agentOf("held");
  const answer = await agent.lease({ holder: "host-2", epoch: null });
  expect(answer).toMatchObject({ status: 409, body: { code: "leased" } });
  expect(answer.body.retryAfterMs).toBeGreaterThan(0);
  expect(answer.body.retryAfterMs).toBeLessThanOrEqual(LEASE_TTL_MS);
});

test("the feed answers at once what is new: a snapshot, then changes, then tombstones", async () => {
  const agent = await agentOf("feed");
  const object = platform.region(agent.id);
  const feed = async (after: number | null, waitMs = 0) =>
    (await agent.call("GET", `feed?epoch=1&waitMs=${waitMs}${after === null ? "" : `&after=${after}`}`)).body;
  expect(await feed(null)).toMatchObject({ kind: "snapshot", cursor: 0, items: [], tombstones: [] });
  await object.desire([wanted("dpl_1"), wanted("dpl_2")]);
  const first = await feed(null);
  expect(first).toMatchObject({ kind: "snapshot", cursor: 2, tombstones: [] });
  expect(first.digest).toBe(sha256(digestText(first.items)));
  const waiting = feed(2, 20_000);
  await object.forget("dpl_1");
  expect(await waiting).toMatchObject({
    kind: "changes",
    cursor: 3,
    changes: [{ cursor: 3, type: "tombstone", id: "dpl_1.a" }],
  });
  expect(await feed(null)).toMatchObject({
    items: [{ id: "dpl_2.a", generation: 2 }],
    tombstones: [{ id: "dpl_1.a", generation: 3 }],
  });
  expect(await feed(3)).toMatchObject({ kind: "changes", cursor: 3, changes: [] });
  await agent.lease({ applied: { cursor: 2, digest: "" } });
  expect((await rowOf("feed")).lagCursors).toBe(1);
});

test("a new token ends the agent's credential at once, and the region goes on with the next epoch", async () => {
  const agent = await agentOf("revoked");
  const { ingressKey } = (await agent.lease({ epoch: 1 })).body;
  const made = await platform.call("POST", "/api/regions/revoked/token");
  expect(made.status).toBe(200);
  expect(await agent.lease()).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  expect((await rowOf("revoked")).status).toBe("unknown");
  const next = await playAgent(platform, made.body.token, "host-2");
  expect(await next.acquire()).toMatchObject({ epoch: 2 });
  // Who had the credential had the ingress's key, too.
  const renewed = (await next.lease({ epoch: 2 })).body.ingressKey;
  expect(renewed).toMatch(/^[0-9a-f]{64}$/);
  expect(renewed).not.toBe(ingressKey);
});

test("an ingress key that no edge key opens any more is followed by a new one, and the agent goes on", async () => {
  const agent = await agentOf("unreadable");
  const { ingressKey } = (await agent.lease({ epoch: 1 })).body;
  const key = `region:${agent.id}`;
  const sealedOf = async (): Promise<string> =>
    JSON.parse((await platform.snapshots.get(key)) ?? "{}").ingressKey;
  await expect.poll(sealedOf).toBeDefined();
  const object = platform.region(agent.id) as unknown as { reseal(from: string, to: string): Promise<void> };
  await object.reseal(await sealedOf(), "retired.AAAA");
  const answer = await agent.lease({ epoch: 1 });
  expect(answer).toMatchObject({
    status: 200,
    body: { ingressKey: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(answer.body.ingressKey).not.toBe(ingressKey);
  expect((await agent.lease({ epoch: 1 })).body.ingressKey).toBe(answer.body.ingressKey);
  await expect.poll(sealedOf).not.toMatch(/^retired/);
});

test("a region that is to run something is removed only by force; then its agent is nobody", async () => {
  const agent = await agentOf("gone");
  await platform.region(agent.id).desire([wanted("dpl_1")]);
  expect(await platform.call("DELETE", "/api/regions/gone")).toMatchObject({
    status: 409,
    body: { code: "in_use", deployments: ["dpl_1"] },
  });
  expect(await platform.snapshots.get(`region:${agent.id}`)).not.toBeNull();
  expect((await platform.call("DELETE", "/api/regions/gone?force=1")).status).toBe(204);
  expect((await platform.call("GET", "/api/regions/gone")).status).toBe(404);
  expect((await agent.lease()).status).toBe(401);
  await expect
    .poll(async () => JSON.parse((await platform.snapshots.get(`region:${agent.id}`)) ?? "null"))
    .toMatchObject({ isRemoved: true, ingress: null });
  // The name is free again.
  expect((await addRegion(platform, { name: "gone" })).id).not.toBe(agent.id);
});

test("a drained region is told so, shown so, and given back", async () => {
  const agent = await agentOf("drained");
  const drain = (body?: object) => platform.call("POST", "/api/regions/drained/drain", body);
  expect(await drain()).toMatchObject({ status: 200, body: { status: "draining", isDraining: true } });
  expect((await agent.lease()).body.isDraining).toBe(true);
  expect((await drain({ isDraining: false })).body.status).toBe("up");
  expect((await agent.lease()).body.isDraining).toBe(false);
  // So does an agent that leaves by itself.
  await agent.lease({ isDraining: true });
  expect((await rowOf("drained")).status).toBe("draining");
});

test("a region that its object was not told of yet is drained all the same", async () => {
  await agentOf("told");
  await platform.db
    .prepare(
      `insert into regions (id, team_id, name, latitude, longitude, weight, is_shared, created_at)
       select 'rgn_untold', team_id, 'untold', 1, 2, 100, false, 0 from regions where name = 'told'`,
    )
    .run();
  const drain = await platform.call("POST", "/api/regions/untold/drain");
  expect(drain).toMatchObject({ status: 200, body: { isDraining: true } });
  expect((await rowOf("untold")).isDraining).toBe(true);
});

test("a region is changed, and its name is one of its team", async () => {
  await addRegion(platform, { name: "named" });
  await addRegion(platform, { name: "other" });
  const change = (body: object) => platform.call("PATCH", "/api/regions/named", body);
  expect(await change({ weight: 5, latitude: 1 })).toMatchObject({
    status: 200,
    body: { weight: 5, latitude: 1, longitude: REGION.longitude },
  });
  expect(await change({ name: "other" })).toMatchObject({ status: 409, body: { code: "name_taken" } });
  expect(await change({ latitude: 91 })).toMatchObject({ status: 400, body: { code: "invalid_input" } });
  expect(await platform.call("POST", "/api/regions", { ...REGION, name: "other" })).toMatchObject({
    status: 409,
    body: { code: "name_taken" },
  });
});

test("two changes of a region at once are both kept, by its object and the edge too", async () => {
  const agent = await agentOf("both");
  for (let i = 1; i <= 8; i++) {
    const change = (body: object) => platform.call("PATCH", "/api/regions/both", body);
    const answers = await Promise.all([
      change({ weight: i }),
      change({ latitude: i }),
      change({ longitude: i }),
      change({ isShared: i % 2 === 1 }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await rowOf("both")).toMatchObject({
      weight: i,
      latitude: i,
      longitude: i,
      isShared: i % 2 === 1,
    });
    await expect
      .poll(async () => JSON.parse((await platform.snapshots.get(`region:${agent.id}`)) ?? "null"))
      .toMatchObject({ weight: i, latitude: i, longitude: i });
  }
});

test("another team sees a shared region and its own deployments there, and changes nothing of it", async () => {
  const agent = await agentOf("shared");
  await agentOf("private");
  await platform.call("PATCH", "/api/regions/shared", { isShared: true });
  const token = await platform.newTeam("others");
  const { team } = (await platform.call("GET", "/api/me", undefined, { token })).body;
  await platform.region(agent.id).desire([wanted("dpl_1"), wanted("dpl_2", team.id)]);
  const as = (method: string, path: string, body?: object) =>
    platform.call(method, `/api/regions${path}`, body, { token });
  expect((await as("GET", "/shared")).body).toMatchObject({
    name: "shared",
    deployments: [{ id: "dpl_2" }],
    workloads: [{ id: "dpl_2.a" }],
    token: null,
  });
  expect((await as("GET", "")).body.data).toHaveLength(1);
  expect((await as("GET", "/private")).status).toBe(404);
  for (const answer of [
    await as("PATCH", "/shared", { weight: 0 }),
    await as("POST", "/shared/drain"),
    await as("POST", "/shared/token"),
    await as("DELETE", "/shared?force=1"),
  ])
    expect(answer.status).toBe(404);
});

test("a developer looks at regions, and leaves them as they are", async () => {
  const made = await platform.call("POST", "/api/tokens", { name: "dev", role: "developer" });
  const as = (method: string, body?: object) =>
    platform.call(method, "/api/regions", body, { token: made.body.token });
  expect((await as("GET")).status).toBe(200);
  expect(await as("POST", { ...REGION, name: "devs" })).toMatchObject({
    status: 403,
    body: { code: "forbidden" },
  });
});

test("what an agent sends wrong is refused, by name", async () => {
  const agent = await agentOf("strict");
  const lease = async (more: object) => (await agent.lease(more)).body;
  expect(await lease({ ingress: "http://h/path" })).toMatchObject({ code: "invalid_input" });
  expect((await lease({ driver: "docker" })).detail).toContain("driver");
  expect(await lease({ more: "than is known" })).toMatchObject({ epoch: 1 });
  const text = await platform.call("POST", "/agent/v1/lease", "{", {
    token: agent.credential,
    headers: { "content-type": "application/json" },
  });
  expect(text).toMatchObject({ status: 400, body: { code: "invalid_json" } });
  expect(await agent.call("GET", "lease")).toMatchObject({ status: 405 });
  expect(await agent.call("GET", "feed?epoch=x")).toMatchObject({ status: 400 });
  const big = await agent.call("POST", "tasks/claim", { epoch: 1, max: 1, waitMs: 0, more: "x".repeat(2e6) });
  expect(big).toMatchObject({ status: 413, body: { code: "too_large" } });
});

test("every change of a region is in the trail", async () => {
  const { token } = await addRegion(platform, { name: "trail" });
  const agent = await playAgent(platform, token);
  await agent.acquire();
  await platform.call("PATCH", "/api/regions/trail", { weight: 1 });
  await platform.call("POST", "/api/regions/trail/drain");
  await platform.call("POST", "/api/regions/trail/token");
  await platform.call("DELETE", "/api/regions/trail");
  const actions = async () =>
    (
      await platform.db
        .prepare("select action from audit_entries where target = ? order by action")
        .bind(agent.id)
        .all<{ action: string }>()
    ).results.map(({ action }) => action);
  await expect
    .poll(actions)
    .toEqual([
      "region.create",
      "region.drain",
      "region.exchange",
      "region.lease",
      "region.remove",
      "region.token",
      "region.update",
    ]);
  // Of its secrets nothing is stored but digests.
  const { results } = await platform.db.prepare("select detail from audit_entries").all();
  const text = JSON.stringify(results);
  for (const secret of [token, agent.credential]) expect(text).not.toContain(secret.slice(-30));
});
