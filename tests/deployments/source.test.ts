import { afterAll, beforeAll, expect, test } from "vitest";
import { finished, outputOf, sha256, startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
/** A region of the team's, whose agent never comes. */
let here: string;
beforeAll(async () => {
  platform = await startPlatform();
  const region = { name: "here", latitude: 50, longitude: 8 };
  here = (await platform.call("POST", "/api/regions", region)).body.id;
  await platform.call("POST", "/api/projects", { name: "web" });
});
afterAll(() => platform.stop());

const PACKAGE = '{"scripts":{"build":"vite build"}}';
const files = [
  { path: "package.json", sha256: sha256(PACKAGE), size: PACKAGE.length },
  { path: "static/_cloudify/x", sha256: sha256(PACKAGE), size: PACKAGE.length, isExecutable: true },
  { path: "bin/x", sha256: sha256("../package.json"), size: 15, link: "../package.json" },
];
const create = (body: object) => platform.call("POST", "/api/projects/web/deployments", body);
const rowOf = (id: string) =>
  platform.db
    .prepare("select status, manifest, source, placement from deployments where id = ?")
    .bind(id)
    .first<{ status: string; manifest: string; source: string; placement: string }>();

async function deploySource(more: object = {}) {
  for (const text of [PACKAGE, "../package.json"]) await platform.upload(text);
  const made = await create({ source: true, files, ...more });
  expect(made.status).toBe(201);
  return made.body;
}

test("source waits for a region that builds it, with the project's settings and its own; a cancel ends it", async () => {
  await platform.call("PATCH", "/api/projects/web", {
    settings: { buildCommand: "make", nodeVersion: "22.x" },
  });
  const made = await deploySource({ build: { buildCommand: "make web", rootDirectory: "apps/web" } });
  expect(made).toMatchObject({ source: true, state: "queued", regions: [] });
  await expect.poll(async () => (await rowOf(made.id))?.status).toBe("building");
  const row = await rowOf(made.id);
  expect(row?.manifest).toBe("");
  const { manifest, settings, projectName } = JSON.parse(row?.source ?? "{}");
  expect({ settings, projectName }).toMatchObject({
    projectName: "web",
    settings: { buildCommand: "make web", rootDirectory: "apps/web", nodeVersion: "22.x", framework: null },
  });
  const stored = await platform.store.list({ prefix: "blobs/" });
  const key = stored.objects.find((one) => one.key.endsWith(manifest))?.key ?? "";
  expect(JSON.parse((await (await platform.store.get(key))?.text()) ?? "")).toEqual({
    v: 1,
    files: [...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
  });
  const { body } = await platform.call("POST", `/api/deployments/${made.id}/cancel`);
  expect(body).toMatchObject({ state: "canceled", error: { code: "canceled" } });
  expect(await finished(platform, made.id)).toMatchObject({ state: "canceled" });
});

test("redeployed, the same source is built again, with today's settings below its own", async () => {
  const made = await deploySource({ build: { outputDirectory: "out" } });
  await platform.call("POST", `/api/deployments/${made.id}/cancel`);
  await finished(platform, made.id);
  await platform.call("PATCH", "/api/projects/web", { settings: { buildCommand: "make all" } });
  const again = await platform.call("POST", `/api/deployments/${made.id}/redeploy`);
  expect(again).toMatchObject({ status: 201, body: { source: true, redeployOf: made.id, fileCount: 3 } });
  const { source } = (await rowOf(again.body.id)) ?? {};
  expect(JSON.parse(source ?? "{}").settings).toMatchObject({
    buildCommand: "make all",
    outputDirectory: "out",
  });
  await platform.call("POST", `/api/deployments/${again.body.id}/cancel`);
});

test.each([
  ["a traversal", { files: [{ ...files[0], path: "../x" }] }, "invalid_manifest"],
  ["a link that leads out", { files: [{ ...files[0], link: "../../etc/passwd" }] }, "invalid_manifest"],
  ["settings that nobody knows", { files, build: { speed: 9 } }, "invalid_input"],
  ["a version of Node that no region has", { files, build: { nodeVersion: "16.x" } }, "invalid_input"],
  ["a log of a build that is yet to come", { files, buildLog: sha256("") }, "invalid_input"],
  ["build settings of an output", { ...outputOf({}), source: false, build: {} }, "invalid_input"],
])("source with %s is refused, with what to do", async (_, body, code) => {
  await platform.upload(PACKAGE);
  const answer = await create({ source: true, ...body });
  expect(answer.body).toMatchObject({ code });
  expect(answer.body.fix).toBeTruthy();
});

test("regions are those that there are, by name or id, in failover order; unknown ones are named", async () => {
  const none = await platform.call("PATCH", "/api/projects/web", { settings: { regions: ["fra"] } });
  expect(none.body).toMatchObject({ code: "invalid_input", unknown: ["fra"], regions: ["here"] });
  const place = { latitude: 50, longitude: 8 };
  const [fra, iad] = await Promise.all(
    ["fra", "iad"].map((name) => platform.call("POST", "/api/regions", { name, ...place })),
  );
  const [fraId, iadId] = [fra?.body.region?.id ?? fra?.body.id, iad?.body.region?.id ?? iad?.body.id];
  const refused = await platform.call("PATCH", "/api/projects/web", {
    settings: { regions: ["fra"], failover: ["mars", "iad"] },
  });
  expect(refused.body).toMatchObject({ code: "invalid_input", unknown: ["mars"] });
  expect(refused.body.fix).toMatch(/fra, iad|iad, fra/);
  const all = await deploySource();
  expect(JSON.parse((await rowOf(all.id))?.placement ?? "")).toEqual({
    regions: [here, fraId, iadId].sort(),
    failover: [],
    policy: "any",
  });
  const settings = { regions: ["iad"], failover: [fraId], releasePolicy: "all" };
  const changed = await platform.call("PATCH", "/api/projects/web", { settings });
  expect(changed.body).toMatchObject({ settings });
  const made = await deploySource();
  expect(JSON.parse((await rowOf(made.id))?.placement ?? "")).toEqual({
    regions: [iadId, fraId],
    failover: [fraId],
    policy: "all",
  });
  // The rest of the team's come first; what stands in both is no failover region.
  await platform.call("PATCH", "/api/projects/web", { settings: { regions: null } });
  const rest = await deploySource();
  const both = { regions: ["fra", "iad"], failover: ["fra"] };
  await platform.call("PATCH", "/api/projects/web", { settings: both });
  const twice = await deploySource();
  expect(JSON.parse((await rowOf(rest.id))?.placement ?? "")).toMatchObject({
    regions: [...[here, iadId].sort(), fraId],
    failover: [fraId],
  });
  expect(JSON.parse((await rowOf(twice.id))?.placement ?? "")).toMatchObject({
    regions: [fraId, iadId],
    failover: [],
  });
  for (const { id } of [all, made, rest, twice]) await platform.call("POST", `/api/deployments/${id}/cancel`);
});

test("a team without a region is told at once which it may name, and waits for none", async () => {
  const token = await platform.newTeam("guests");
  const asGuest = (method: string, path: string, body?: object) =>
    platform.call(method, path, body, { token });
  const shared = { name: "public", latitude: 50, longitude: 8, isShared: true };
  expect((await platform.call("POST", "/api/regions", shared)).status).toBe(201);
  await asGuest("POST", "/api/projects", { name: "app" });
  for (const text of [PACKAGE, "../package.json"]) await platform.upload(text, token);
  const deploy = async (): Promise<string> =>
    (await asGuest("POST", "/api/projects/app/deployments", { source: true, files })).body.id;
  const shown = async (id: string) => (await asGuest("GET", `/api/deployments/${id}`)).body;
  const alone = await deploy();
  await expect.poll(async () => (await shown(alone)).state).toBe("error");
  const { code, fix } = (await shown(alone)).error;
  expect(code).toBe("no_agent");
  expect(fix).toContain("cloudify projects set <project> --regions <name or id>");
  expect(fix).toContain("there are public.");
  const named = { settings: { regions: ["public"] } };
  expect((await asGuest("PATCH", "/api/projects/app", named)).status).toBe(200);
  const waits = await deploy();
  await expect.poll(async () => (await shown(waits)).state).toBe("building");
  await asGuest("POST", `/api/deployments/${waits}/cancel`);
});
