/** From source to visitors, with an agent that is played: what it is given, and when the deployment goes on. */
import type { BuildTask, Desired, WorkloadStatus } from "@cloudify/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SiteHead, siteKey } from "#features/sites/site.ts";
import {
  finished,
  isReady,
  outputOf,
  sha256,
  startPlatform,
  type TestPlatform,
} from "#tests/deployments/platform.ts";
import { addRegion, type Played, playAgent } from "./agent.ts";

let platform: TestPlatform;
let agent: Played;
beforeAll(async () => {
  platform = await startPlatform();
  await platform.call("POST", "/api/projects", { name: "app" });
  agent = await playAgent(platform, (await addRegion(platform)).token);
  await agent.acquire();
});
afterAll(() => platform.stop());

const LAUNCHER = "exports.handler = () => 1";
const node = (more: object = {}) =>
  JSON.stringify({ runtime: "nodejs22.x", handler: "index.js", launcherType: "Nodejs", ...more });
/** Two pages of one program, one of another; a page that was rendered, and one that is when it is asked for. */
const TREE = {
  "static/logo.svg": "<svg/>",
  "functions/index.func/.vc-config.json": node(),
  "functions/index.func/index.js": LAUNCHER,
  "functions/about.func/.vc-config.json": node({ maxDuration: 10 }),
  "functions/about.func/index.js": LAUNCHER,
  "functions/api/old.func/.vc-config.json": node({ runtime: "nodejs20.x", shouldAddHelpers: true }),
  "functions/api/old.func/index.js": "old",
  "functions/done.func/.vc-config.json": node(),
  "functions/done.func/index.js": LAUNCHER,
  "functions/done.prerender-config.json": '{"expiration":60,"fallback":"done.html","allowQuery":[]}',
  "functions/done.html": "done",
  "functions/posts/[slug].func/.vc-config.json": node(),
  "functions/posts/[slug].func/index.js": LAUNCHER,
  "functions/posts/[slug].prerender-config.json": '{"expiration":60,"fallback":"shell.html"}',
  "functions/posts/shell.html": "shell",
  "config.json": JSON.stringify({
    version: 3,
    routes: [{ handle: "filesystem" }, { src: "/posts/(?<slug>[^/]+)", dest: "/posts/[slug]?slug=$slug" }],
  }),
};

const status = ({ id, generation }: Desired, more: Partial<WorkloadStatus> = {}): WorkloadStatus => ({
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
const report = (items: WorkloadStatus[]) =>
  agent.call("POST", "status", { epoch: agent.epoch, isFull: true, items });
async function desiredOf(deployment: string): Promise<Desired[]> {
  const { body } = await agent.call("GET", `feed?epoch=${agent.epoch}&after=-1&waitMs=0`);
  return (body.items as Desired[]).filter((item) => item.deployment === deployment);
}
const stateOf = async (id: string) => (await platform.call("GET", `/api/deployments/${id}`)).body.state;

async function upload(tree: Record<string, string>) {
  const { files, contents } = outputOf(tree);
  for (const text of contents) await platform.upload(text);
  return files;
}
async function create(body: object): Promise<string> {
  const made = await platform.call("POST", "/api/projects/app/deployments", body);
  expect(made.status).toBe(201);
  return made.body.id;
}

test("source becomes what a region builds, then what it runs, and is live once that is ready", async () => {
  await agent.lease();
  const source = await upload({ "package.json": "{}" });
  const id = await create({ source: true, files: source, target: "production" });
  let task: BuildTask | undefined;
  await expect
    .poll(async () => {
      const claimed = await agent.call("POST", "tasks/claim", { epoch: agent.epoch, max: 1, waitMs: 0 });
      task = claimed.body.tasks[0];
      return task?.deployment;
    })
    .toBe(id);
  expect(await stateOf(id)).toBe("building");
  const output = await upload(TREE);
  const result = { ok: true, output };
  const told = { epoch: agent.epoch, attempt: task?.attempt, result };
  expect((await agent.call("POST", `tasks/${task?.id}/complete`, told)).body).toEqual({ isAccepted: true });

  await expect
    .poll(async () => (await desiredOf(id)).map((item) => item.id))
    .toEqual([`${id}.g0`, `${id}.g1`]);
  const items = await desiredOf(id);
  expect(items.every((item) => item.isWarm)).toBe(true);
  const { body } = await agent.call("GET", `workloads/${id}.g0`);
  expect(body.spec).toMatchObject({
    group: "g0",
    node: 22,
    files: { "index.js": { sha256: sha256(LAUNCHER), size: LAUNCHER.length } },
    run: {
      kind: "functions",
      functions: { index: {}, about: { maxDuration: 10 }, "posts/[slug]": {}, done: {} },
    },
  });
  const old = (await agent.call("GET", `workloads/${id}.g1`)).body.spec;
  expect(old).toMatchObject({ node: 20, run: { functions: { "api/old": { hasHelpers: true } } } });
  const bytes = await agent.call("GET", `blobs/${body.team}/${sha256(LAUNCHER)}`);
  expect(bytes.body).toBe(LAUNCHER);

  const [first, second] = items;
  if (!first || !second) throw new Error("it is to run two");
  await report([status(first), status(second, { ready: "false", reason: "Starting" })]);
  expect(await stateOf(id)).toBe("releasing");
  const shown = (await platform.call("GET", `/api/deployments/${id}`)).body;
  expect(shown.regions).toEqual([{ id: agent.id, ready: "false", detail: "Starting" }]);
  await report([status(first), status(second)]);
  const ready = await isReady(platform, id);
  expect(ready).toMatchObject({
    source: true,
    liveOn: ["production"],
    fileCount: output.length,
    regions: [{ id: agent.id, ready: "true", detail: "" }],
  });

  const row = await platform.db
    .prepare("select site from deployments where id = ?")
    .bind(id)
    .first<{ site: string }>();
  const head = await (await platform.store.get(siteKey(row?.site ?? "")))?.json<SiteHead>();
  expect(head).toMatchObject({
    v: 2,
    workloads: { g0: first.spec, g1: second.spec },
    functions: {
      about: { workload: first.spec, group: "g0", maxDuration: 10 },
      "api/old": { workload: second.spec, group: "g1", maxDuration: 300 },
      "posts/[slug]": { workload: first.spec },
    },
  });
  expect(Object.keys(head?.prerenders ?? {})).toEqual(["done"]);
});

test("an equal output is the same workload: neither deployment nor environment is in its digest", async () => {
  const files = await upload(TREE);
  const [one, two] = [await create({ files }), await create({ files, target: "production" })];
  await expect.poll(async () => (await desiredOf(two)).length).toBe(2);
  await expect.poll(async () => (await desiredOf(one)).length).toBe(2);
  const specs = async (id: string) => (await desiredOf(id)).map((item) => item.spec);
  expect(await specs(one)).toEqual(await specs(two));
  for (const id of [one, two]) await platform.call("POST", `/api/deployments/${id}/cancel`);
  await expect.poll(async () => [...(await desiredOf(one)), ...(await desiredOf(two))]).toEqual([]);
});

test("what crashes is no deployment: its failure says why, and the region is rid of it", async () => {
  await agent.lease();
  const id = await create({ files: await upload(TREE) });
  await expect.poll(async () => (await desiredOf(id)).length).toBe(2);
  const items = await desiredOf(id);
  const crash = {
    ready: "false",
    reason: "Crashed",
    restarts: 3,
    detail: "Error: boom at index.js:1",
  } as const;
  await report(items.map((item) => status(item, crash)));
  const done = await finished(platform, id);
  expect(done).toMatchObject({ state: "error", error: { code: "not_healthy" } });
  expect(done.error.detail).toContain("Error: boom at index.js:1");
  await expect.poll(() => desiredOf(id)).toEqual([]);
});

test("a removed deployment is to run nowhere; its region hears so by tombstones", async () => {
  await agent.lease();
  const id = await create({ files: await upload(TREE) });
  await expect.poll(async () => (await desiredOf(id)).length).toBe(2);
  await report((await desiredOf(id)).map((item) => status(item)));
  await isReady(platform, id);
  expect((await platform.call("DELETE", `/api/deployments/${id}`)).status).toBe(204);
  await expect.poll(() => desiredOf(id)).toEqual([]);
  const { body } = await agent.call("GET", `feed?epoch=${agent.epoch}&after=-1&waitMs=0`);
  const buried = (body.tombstones as { id: string }[]).map((one) => one.id);
  expect(buried).toEqual(expect.arrayContaining([`${id}.g0`, `${id}.g1`]));
});

test("a site whose pages are all rendered needs no region, though its builder wrote functions", async () => {
  const pages = Object.entries(TREE).filter(([path]) => /done|^static/.test(path));
  const id = await create({ files: await upload(Object.fromEntries(pages)) });
  expect(await isReady(platform, id)).toMatchObject({ regions: [], source: false });
});

test("a page that goes on in another's function needs a region, though that one's own page is rendered", async () => {
  await agent.lease();
  const page = (fallback: string, more: object = {}) =>
    JSON.stringify({ expiration: false, fallback, ...more });
  const begun = {
    initialHeaders: { "content-type": 'application/x-nextjs-pre-render; state-length=2; origin="text/html"' },
    chain: { outputPath: "shop/[slug]", headers: { "next-resume": "1" } },
  };
  const tree = {
    "static/logo.svg": "<svg/>",
    "config.json": '{"version":3}',
    // Nothing leads there but the page that goes on in it.
    "functions/shop/[slug].func/.vc-config.json": node(),
    "functions/shop/[slug].func/index.js": LAUNCHER,
    "functions/shop/[slug].prerender-config.json": page("shell.html"),
    "functions/shop/shell.html": "shell",
    "functions/shop/first.prerender-config.json": page("first.html", begun),
    "functions/shop/first.html": "{}begun",
  };
  const id = await create({ files: await upload(tree) });
  await expect.poll(async () => (await desiredOf(id)).map((item) => item.id)).toEqual([`${id}.g0`]);
  await report((await desiredOf(id)).map((item) => status(item)));
  await isReady(platform, id);
  const without = Object.entries(tree).filter(([path]) => !path.includes("].func/"));
  const lost = await finished(platform, await create({ files: await upload(Object.fromEntries(without)) }));
  expect(lost).toMatchObject({
    state: "error",
    error: { code: "invalid_output", detail: expect.stringContaining("shop/[slug]") },
  });
});

test("pages to which routes lead by a locale are run, and one to which none leads is named", async () => {
  await agent.lease();
  const names = ["shop/[id]", "en/posts/[slug]", "_next/data/B/en/posts/[slug].json", "lost/[id]"];
  const tree = {
    ...Object.fromEntries(
      names.flatMap((name) => [
        [`functions/${name}.func/.vc-config.json`, node()],
        [`functions/${name}.func/index.js`, LAUNCHER],
      ]),
    ),
    // As Next.js's pages router with `i18n` writes them.
    "config.json": JSON.stringify({
      version: 3,
      routes: [
        { handle: "rewrite" },
        {
          src: "^/_next/data/B/(?<nextLocale>en|fr)/posts/(?<slug>[^/]+?)\\.json$",
          dest: "/_next/data/B/$nextLocale/posts/[slug].json?slug=$slug",
        },
        { src: "^/(?<nextLocale>en|fr)?/shop/(?<id>[^/]+?)$", dest: "/$nextLocale/shop/[id]?id=$id" },
        {
          src: "^/(?<nextLocale>en|fr)?/posts/(?<slug>[^/]+?)$",
          dest: "/$nextLocale/posts/[slug]?slug=$slug",
        },
      ],
    }),
  };
  const id = await create({ files: await upload(tree) });
  await expect.poll(async () => (await desiredOf(id)).map((item) => item.id)).toEqual([`${id}.g0`]);
  const { spec } = (await agent.call("GET", `workloads/${id}.g0`)).body;
  expect(Object.keys(spec.run.functions).sort()).toEqual(names.slice(0, 3).sort());
  await report((await desiredOf(id)).map((item) => status(item)));
  await isReady(platform, id);
  const log = await platform.call("GET", `/api/deployments/${id}/events`);
  expect(JSON.stringify(log.body)).toContain("functions that no route leads to are not served: lost/[id]");
});

test("another team's region is used when it is named, and only then", async () => {
  const token = await platform.newTeam("guests");
  const asGuest = (method: string, path: string, body: object) =>
    platform.call(method, path, body, { token });
  await asGuest("POST", "/api/projects", { name: "app" });
  const named = { settings: { regions: [agent.id] } };
  expect((await asGuest("PATCH", "/api/projects/app", named)).body).toMatchObject({ unknown: [agent.id] });
  await platform.call("PATCH", `/api/regions/${agent.id}`, { isShared: true });
  const { files, contents } = outputOf(TREE);
  for (const text of contents) await platform.upload(text, token);
  const deploy = async () => (await asGuest("POST", "/api/projects/app/deployments", { files })).body.id;
  const nowhere = await deploy();
  const shown = async (id: string) =>
    (await platform.call("GET", `/api/deployments/${id}`, undefined, { token })).body;
  await expect.poll(async () => (await shown(nowhere)).error?.code).toBe("no_region");
  expect((await asGuest("PATCH", "/api/projects/app", named)).status).toBe(200);
  const id = await deploy();
  await agent.lease();
  await expect.poll(async () => (await desiredOf(id)).length).toBe(2);
});

test("a bare name means the team's own region, or one that the platform shares; a stranger's only by its id", async () => {
  const [stranger, guest] = [await platform.newTeam("strangers"), await platform.newTeam("namers")];
  const as = (token: string, method: string, path: string, body?: object) =>
    platform.call(method, path, body, { token });
  const add = async (token: string, name: string): Promise<string> =>
    (await as(token, "POST", "/api/regions", { name, latitude: 1, longitude: 2, isShared: true })).body.id;
  const platforms = (
    await platform.call("POST", "/api/regions", {
      name: "public",
      latitude: 1,
      longitude: 2,
      isShared: true,
    })
  ).body.id;
  const [trap, theirs] = [await add(stranger, "public"), await add(stranger, "nearby")];
  await as(guest, "POST", "/api/projects", { name: "named" });
  const set = (regions: string[]) => as(guest, "PATCH", "/api/projects/named", { settings: { regions } });
  const refused = await set(["nearby"]);
  expect(refused).toMatchObject({ status: 400, body: { unknown: ["nearby"] } });
  expect(refused.body.regions).toEqual(expect.arrayContaining(["public", trap, theirs]));
  expect((await set([theirs])).status).toBe(200);
  const { files, contents } = outputOf(TREE);
  for (const text of contents) await platform.upload(text, guest);
  const placed = async () => {
    const { id } = (await as(guest, "POST", "/api/projects/named/deployments", { files })).body;
    const row = await platform.db
      .prepare("select placement from deployments where id = ?")
      .bind(id)
      .first<{ placement: string }>();
    return JSON.parse(row?.placement ?? "{}").regions;
  };
  expect((await set(["public"])).status).toBe(200);
  expect(await placed()).toEqual([platforms]);
  const own = await add(guest, "public");
  expect(await placed()).toEqual([own]);
  // Gone from the platform and the team, its name is nobody's, though a stranger has one of that name.
  expect((await as(guest, "DELETE", `/api/regions/${own}?force=1`)).status).toBe(204);
  expect((await platform.call("DELETE", `/api/regions/${platforms}?force=1`)).status).toBe(204);
  const again = await as(guest, "POST", "/api/projects/named/deployments", { files });
  expect(again).toMatchObject({ status: 400, body: { unknown: ["public"] } });
});
