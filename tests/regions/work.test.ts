/** What an agent is given to build and to run, and what it hands back. */
import { type BuildTask, NO_BUILD_SETTINGS, type WorkloadSpec, workloadKey } from "@cloudify/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HOUR } from "#core/time.ts";
import {
  type Answer,
  deploy,
  sha256,
  startPlatform,
  type TestPlatform,
} from "#tests/deployments/platform.ts";
import { addRegion, type Played, playAgent } from "./agent.ts";

let platform: TestPlatform;
let team: string;
let agent: Played;
/** A deployment of the team, whose row and log the tasks are of. */
let deployment: Answer["body"];

beforeAll(async () => {
  platform = await startPlatform();
  team = (await platform.call("GET", "/api/me")).body.team.id;
  await platform.call("POST", "/api/projects", { name: "app" });
  const variable = { targets: ["preview"], value: "hunter2-value", sensitive: true };
  await platform.call("POST", "/api/projects/app/env", { ...variable, key: "API_KEY" });
  await platform.call("POST", "/api/projects/app/env", { ...variable, key: "LIVE", targets: ["production"] });
  deployment = await deploy(platform, "app", { "static/index.html": "one" });
  const { token } = await addRegion(platform);
  agent = await playAgent(platform, token);
  await agent.acquire();
});
afterAll(() => platform.stop());

const buildTask = (attempt: number, more: Partial<BuildTask> = {}): BuildTask => ({
  kind: "build",
  id: `build.${deployment.id}`,
  attempt,
  team,
  project: deployment.projectId,
  projectName: "app",
  deployment: deployment.id,
  source: "0".repeat(64),
  target: "preview",
  branch: null,
  settings: NO_BUILD_SETTINGS,
  url: "app-1.localhost",
  limitMs: 600_000,
  ...more,
});

/** Offers and claims an attempt. @returns Calls about it. */
async function begin(attempt: number, more: Partial<BuildTask> = {}) {
  const task = buildTask(attempt, more);
  // Anew, since a slow machine may have let the last one lapse.
  await agent.acquire();
  expect(await platform.region(agent.id).offer(task, false)).toEqual({ ok: true });
  const claimed = await agent.call("POST", "tasks/claim", { epoch: agent.epoch, max: 1, waitMs: 0 });
  expect(claimed.body.tasks).toEqual([task]);
  const query = `epoch=${agent.epoch}&attempt=${attempt}`;
  return {
    environment: () => agent.call("GET", `tasks/${task.id}/environment?${query}`),
    missing: (digests: string[]) => agent.call("POST", `tasks/${task.id}/blobs?${query}`, digests),
    put: (digest: string, bytes: string) =>
      agent.call("PUT", `tasks/${task.id}/blobs/${digest}?${query}`, bytes),
    putPack: async (files: Record<string, string>) => {
      const form = new FormData();
      for (const [digest, text] of Object.entries(files)) form.append(digest, new Blob([text]), digest);
      const message = new Response(form);
      const type = message.headers.get("content-type") ?? "";
      const bytes = new Uint8Array(await message.arrayBuffer());
      const headers = { "content-type": type };
      return agent.call("PUT", `tasks/${task.id}/blobs?${query}`, bytes, agent.credential, headers);
    },
    heartbeat: () => agent.call("POST", `tasks/${task.id}/heartbeat`, { epoch: agent.epoch, attempt }),
    complete: (result: object) =>
      agent.call("POST", `tasks/${task.id}/complete`, { epoch: agent.epoch, attempt, result }),
  };
}

const fileOf = (path: string, text: string) => ({
  path,
  sha256: sha256(text),
  size: Buffer.byteLength(text),
});

test("a build gets its target's variables, sensitive ones too, and the names of what must not be shown", async () => {
  const { environment } = await begin(1);
  const { env, secrets } = (await environment()).body;
  expect(env).toMatchObject({
    API_KEY: "hunter2-value",
    CLOUDIFY_DEPLOYMENT_ID: deployment.id,
    CLOUDIFY_URL: "app-1.localhost",
    VERCEL_ENV: "preview",
    CLOUDIFY: "1",
  });
  expect(env).not.toHaveProperty("LIVE");
  expect(env).not.toHaveProperty("NODE_ENV");
  expect(secrets).toEqual(["API_KEY"]);
});

test("an output is taken once its bytes are there; the deployment names them; a repetition changes nothing", async () => {
  const build = await begin(2);
  const config = '{"version":3}';
  const page = `built ${Math.random()}`;
  const output = [fileOf("config.json", config), fileOf("static/index.html", page)];
  const early = await build.complete({ ok: true, output });
  expect(early).toMatchObject({ status: 409, body: { code: "missing_blobs", missing: [sha256(page)] } });
  expect((await build.heartbeat()).body).toEqual({ isOver: false });
  expect((await build.missing(output.map((file) => file.sha256))).body).toEqual([sha256(page)]);
  expect(await build.put(sha256(page), "lies")).toMatchObject({
    status: 400,
    body: { code: "digest_mismatch" },
  });
  expect((await build.put(sha256(page), page)).status).toBe(201);
  expect((await build.missing([sha256(page)])).body).toEqual([]);
  // Sent again while the first is under way, as when its answer was lost.
  const both = await Promise.all([1, 2, 3].map(() => build.complete({ ok: true, output })));
  for (const one of both) expect(one).toMatchObject({ status: 200, body: { isAccepted: true } });
  const trail = await platform.db
    .prepare("select 1 from audit_entries where action = 'deployment.build' and target = ?")
    .bind(deployment.id)
    .all();
  expect(trail.results).toHaveLength(1);
  const named = await platform.db
    .prepare("select sha256 from manifest_blobs where deployment_id = ?")
    .bind(deployment.id)
    .all<{ sha256: string }>();
  const digests = named.results.map((row) => row.sha256);
  for (const file of output) expect(digests).toContain(file.sha256);
  expect((await build.heartbeat()).body).toEqual({ isOver: true });
  for (const result of [
    { ok: true, output },
    { ok: false, failure: FAILURE, isRetryable: true },
  ])
    expect((await build.complete(result)).body).toEqual({ isAccepted: true });
  expect((await build.environment()).status).toBe(404);
});

const FAILURE = { code: "build_failed", detail: "It failed.", fix: "Mend it." };

test("an output that no deployment can be made of ends the build, instead of being sent again and again", async () => {
  const build = await begin(3);
  const output = [fileOf("../escape", '{"version":3}')];
  expect((await build.complete({ ok: true, output })).body).toEqual({ isAccepted: true });
  expect((await build.heartbeat()).body).toEqual({ isOver: true });
});

test("a withdrawn build is over at the next heartbeat; its output is not taken", async () => {
  const build = await begin(4);
  expect((await build.heartbeat()).body).toEqual({ isOver: false });
  await platform.region(agent.id).withdraw(`build.${deployment.id}`);
  expect((await build.heartbeat()).body).toEqual({ isOver: true });
  expect((await build.complete({ ok: false, failure: FAILURE, isRetryable: false })).body).toEqual({
    isAccepted: false,
  });
});

test("an agent reads files of teams that it works for, and of no other", async () => {
  const token = await platform.newTeam("strangers");
  const strangers = (await platform.call("GET", "/api/me", undefined, { token })).body.team.id;
  const digest = await platform.upload("a secret of strangers", token);
  const read = (of: string) => agent.call("GET", `blobs/${of}/${digest}`);
  expect((await read(strangers)).status).toBe(404);
  const object = platform.region(agent.id);
  await object.desire([{ ...workload, team: strangers }]);
  expect(await read(strangers)).toMatchObject({ status: 200, body: "a secret of strangers" });
  await object.forget(workload.deployment);
  expect((await read(strangers)).status).toBe(404);
  // By a build too, for as long as it goes on.
  const build = await begin(5, { team: strangers });
  expect((await read(strangers)).status).toBe(200);
  await build.complete({ ok: false, failure: FAILURE, isRetryable: false });
  expect((await read(strangers)).status).toBe(404);
});

test("small files come together: all of a pack are stored, or none, and only while the attempt is under way", async () => {
  const build = await begin(6);
  const texts = ["one", "two", "three"].map((text) => `${text} ${Math.random()}`);
  const digests = texts.map(sha256);
  const pack = Object.fromEntries(texts.map((text) => [sha256(text), text]));
  const last = digests.at(-1) ?? "";
  expect(await build.putPack({ ...pack, [last]: "lies" })).toMatchObject({
    status: 400,
    body: { code: "digest_mismatch", sha256: last },
  });
  expect((await build.missing(digests)).body).toEqual(digests);
  expect(await build.putPack({ "not-a-digest": "x" })).toMatchObject({
    status: 400,
    body: { code: "invalid_input" },
  });
  expect((await build.putPack(pack)).status).toBe(201);
  expect((await build.missing(digests)).body).toEqual([]);
  await build.complete({ ok: false, failure: FAILURE, isRetryable: false });
  expect((await build.putPack(pack)).status).toBe(404);
});

const workload = {
  id: "dpl_w.a",
  team: "",
  project: "prj_w",
  deployment: "dpl_w",
  spec: "0".repeat(64),
  env: "0".repeat(64),
  isWarm: true,
};

test("a workload comes with its spec, its opened environment and its deployment's names", async () => {
  const spec: WorkloadSpec = {
    v: 1,
    group: "node",
    node: 22,
    memory: 128,
    run: { kind: "service", command: "node .", maxDuration: 10 },
    files: {},
  };
  const text = JSON.stringify(spec);
  await platform.store.put(workloadKey(team, sha256(text)), text);
  const row = await platform.db
    .prepare("select env_digest from deployments where id = ?")
    .bind(deployment.id)
    .first<{ env_digest: string }>();
  const item = {
    id: `${deployment.id}.node`,
    team,
    project: deployment.projectId,
    deployment: deployment.id,
    spec: sha256(text),
    env: row?.env_digest ?? "",
    isWarm: true,
  };
  const read = () => agent.call("GET", `workloads/${item.id}`);
  expect((await read()).status).toBe(404);
  await platform.region(agent.id).desire([item]);
  const { status, body } = await read();
  expect(status).toBe(200);
  expect(body).toMatchObject({
    id: item.id,
    team,
    deployment: deployment.id,
    spec,
    secrets: ["API_KEY"],
    env: { API_KEY: "hunter2-value", CLOUDIFY_DEPLOYMENT_ID: deployment.id },
  });
  expect(body.env.CLOUDIFY_URL).toBe(new URL(deployment.url).hostname);
  expect(body.env).not.toHaveProperty("CLOUDIFY_REGION");
  expect(body.env).not.toHaveProperty("PORT");
  // It would stand above the configuration of a function.
  expect(body.env).not.toHaveProperty("NODE_ENV");
});

test("lines go to the log of what the region runs, once each; it can't write as the platform, or to another's", async () => {
  await agent.acquire();
  const line = (n: number, text: string, stream = "function:api") => ({
    stream,
    n,
    at: Date.now(),
    level: "info",
    text,
  });
  const send = (lines: object[], of = deployment.id) =>
    agent.call("POST", "logs", { epoch: agent.epoch, chunks: [{ deployment: of, lines }] });
  expect((await send([line(1, "first"), line(2, "second")])).body).toEqual({ dropped: 0 });
  expect((await send([line(2, "second"), line(3, "third")])).status).toBe(200);
  const events = await platform.call("GET", `/api/deployments/${deployment.id}/events`);
  const rows = String(events.body)
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => JSON.parse(row) as { stream: string; text: string });
  expect(rows.filter((row) => row.stream === "function:api").map(({ text }) => text)).toEqual([
    "first",
    "second",
    "third",
  ]);
  expect((await send([line(1, "ready", "state")])).status).toBe(400);
  expect((await send([line(1, "x")], "dpl_of_others")).body).toEqual({ dropped: 1 });
});

test("after an hour the lease brings a new credential; the old one ends with its first use", async () => {
  await platform.turnClock(2 * HOUR);
  const old = agent.credential;
  const { credential } = await agent.acquire();
  expect(credential).toMatch(/^cfya_/);
  // Until then both are good: the answer may have been lost.
  expect((await agent.call("GET", `blobs/${team}/${"0".repeat(64)}`, undefined, old)).status).toBe(404);
  expect((await agent.lease()).status).toBe(200);
  expect((await agent.call("GET", `blobs/${team}/${"0".repeat(64)}`, undefined, old)).status).toBe(401);
});

test("an agent that was asleep finds its lease lapsed: its region is unknown, its late writes are refused", async () => {
  await platform.turnClock(3 * HOUR);
  expect((await platform.call("GET", "/api/regions/fra")).body).toMatchObject({
    status: "unknown",
    load: null,
  });
  const late = await agent.call("POST", "status", { epoch: agent.epoch, isFull: true, items: [] });
  expect(late).toMatchObject({ status: 409, body: { code: "fenced", epoch: agent.epoch } });
  await agent.acquire();
  expect((await platform.call("GET", "/api/regions/fra")).body.status).toBe("up");
});
