import { afterAll, beforeAll, expect, test } from "vitest";
import { deploy, isReady, outputOf, sha256, startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await platform.call("POST", "/api/projects", { name: "web" });
});
afterAll(() => platform.stop());

const page = (text: string) => outputOf({ "static/index.html": `<h1>${text}</h1>`.repeat(200) });

test("a deployment is created once its files are there, and becomes ready", async () => {
  const { files, contents } = page("first");
  const body = { target: "production", files, git: { branch: "main" } };
  const early = await platform.call("POST", "/api/projects/web/deployments", body);
  expect(early).toMatchObject({ status: 409, body: { code: "missing_blobs" } });
  expect(new Set(early.body.missing)).toEqual(new Set(files.map((file) => file.sha256)));
  expect((await platform.call("GET", "/api/projects/web/deployments")).body.data).toEqual([]);
  for (const text of contents) await platform.upload(text);
  const made = await platform.call("POST", "/api/projects/web/deployments", body);
  expect(made).toMatchObject({ status: 201, body: { state: "queued", fileCount: 2 } });
  const done = await isReady(platform, made.body.id);
  expect(done.aliases).toHaveLength(2);
  expect(done.aliases[0]).toBe("http://web.localhost:8787");
  expect(done.liveOn).toContain("production");

  const byHost = await platform.call("GET", "/api/deployments/web.localhost");
  expect(byHost.body.id).toBe(made.body.id);
  const immutable = await platform.call("GET", `/api/deployments/${new URL(done.url).hostname}`);
  expect(immutable.body.id).toBe(made.body.id);
});

test("the site holds what the router needs: types, sizes, stored forms", async () => {
  const text = "body { color: red }\n".repeat(500);
  const { id } = await deploy(platform, "web", {
    "static/style.css": text,
    "static/tiny.txt": "x",
    "static/about.html": "<p>about</p>",
    "config.json": JSON.stringify({
      version: 3,
      overrides: { "about.html": { path: "about", contentType: "text/html; charset=utf-8" } },
      cloudify: { directoryRedirect: true },
    }),
  });
  const row = await platform.db
    .prepare("select site, team_id from deployments where id = ?")
    .bind(id)
    .first();
  const head = JSON.parse((await (await platform.store.get(`sites/${row?.site}`))?.text()) ?? "");
  expect(head).toMatchObject({ v: 1, fileCount: 3, directoryRedirect: true });
  expect(Object.keys(head.files)).toEqual(["about", "style.css", "tiny.txt"]);
  const style = head.files["style.css"];
  expect(style).toMatchObject({ sha256: sha256(text), size: text.length, type: "text/css; charset=utf-8" });
  for (const form of ["br", "gzip"] as const) {
    const stored = await platform.store.head(`encoded/${row?.team_id}/${style.sha256}.${form}`);
    expect(stored?.size).toBe(style[form]);
  }
  expect(head.files["tiny.txt"]).not.toHaveProperty("br");
});

test("more than a thousand files are split into shards that together hold each once", async () => {
  const names = Array.from({ length: 1_200 }, (_, i) => `static/p/${i}.txt`);
  const { id } = await deploy(platform, "web", Object.fromEntries(names.map((name) => [name, "same"])));
  const row = await platform.db.prepare("select site from deployments where id = ?").bind(id).first();
  const head = JSON.parse((await (await platform.store.get(`sites/${row?.site}`))?.text()) ?? "");
  expect(head).toMatchObject({ files: null, fileCount: 1_200 });
  const found: string[] = [];
  for (let i = 0; i < 256; i++) {
    const key = `sites/${row?.site}/${i.toString(16).padStart(2, "0")}`;
    found.push(...Object.keys(JSON.parse((await (await platform.store.get(key))?.text()) ?? "")));
  }
  expect(found.sort()).toEqual(names.map((name) => name.slice("static/".length)).sort());
});

test("promote, a rollback that sticks, and a removal that is refused while it serves", async () => {
  await platform.call("POST", "/api/projects", { name: "moves" });
  const ids: string[] = [];
  for (const text of ["a", "b", "c"])
    ids.push((await deploy(platform, "moves", { "static/index.html": text }, "production")).id);
  const [a, b, c] = ids;
  const back = await platform.call("POST", "/api/projects/moves/rollback");
  expect(back.body).toMatchObject({ live: b, held: true });
  const d = await deploy(platform, "moves", { "static/index.html": "d" }, "production");
  expect((await platform.call("GET", "/api/deployments/moves.localhost")).body.id).toBe(b);
  const refused = await platform.call("DELETE", `/api/deployments/${b}`);
  expect(refused).toMatchObject({ status: 409, body: { code: "in_use" } });
  const forward = await platform.call("POST", `/api/deployments/${c}/promote`);
  expect(forward.body).toMatchObject({ live: c, held: false });
  const stale = await platform.call("POST", `/api/deployments/${d.id}/promote`, { ifEpoch: 1 });
  expect(stale).toMatchObject({ status: 409, body: { code: "conflict" } });

  expect(await platform.call("DELETE", `/api/deployments/${b}`)).toMatchObject({ status: 204 });
  expect(await platform.call("GET", `/api/deployments/${b}`)).toMatchObject({ status: 404 });
  const past = await platform.call("POST", "/api/projects/moves/rollback");
  expect(past.body.live).toBe(a);
  const replaced = await platform.call("DELETE", `/api/deployments/${a}?replacement=${d.id}`);
  expect(replaced.status).toBe(204);
  const now = await platform.call("GET", `/api/deployments/${d.id}`);
  expect(now.body.liveOn).toEqual(["production"]);
});

test("two promotes and a removal at once leave production on a deployment that is there", async () => {
  await platform.call("POST", "/api/projects", { name: "race" });
  const base = await deploy(platform, "race", { "static/index.html": "base" }, "production");
  for (let round = 0; round < 5; round++) {
    const one = await deploy(platform, "race", { "static/index.html": `one ${round}` }, "preview");
    const two = await deploy(platform, "race", { "static/index.html": `two ${round}` }, "preview");
    const answers = await Promise.all([
      platform.call("POST", `/api/deployments/${one.id}/promote`),
      platform.call("DELETE", `/api/deployments/${one.id}`),
      platform.call("POST", `/api/deployments/${two.id}/promote`),
    ]);
    expect(answers.every(({ status }) => status < 500)).toBe(true);
    const end = await platform.call("POST", `/api/deployments/${base.id}/promote`);
    await platform.call("POST", "/api/projects/race/rollback");
    const served = await platform.call("GET", "/api/deployments/race.localhost");
    expect({ end: end.status, served: served.status }).toEqual({ end: 200, served: 200 });
    await platform.call("POST", `/api/deployments/${base.id}/promote`);
  }
});

test("redeploy takes the same output; its names go with neither", async () => {
  const first = await deploy(platform, "web", { "static/index.html": "again" });
  const again = await platform.call("POST", `/api/deployments/${first.id}/redeploy`, { target: "staging" });
  expect(again).toMatchObject({ status: 201, body: { redeployOf: first.id, target: "staging" } });
  const done = await isReady(platform, again.body.id);
  expect(done.liveOn).toEqual(["env:staging"]);
  await platform.call("DELETE", `/api/deployments/${first.id}`);
  const kept = await platform.db
    .prepare("select count(*) as n from manifest_blobs where deployment_id = ?")
    .bind(again.body.id)
    .first("n");
  expect(kept).toBe(3);
});

test("a log is read whole, resumed behind a seq, and sent as events that end", async () => {
  const lines = [
    JSON.stringify({ at: 5, stream: "stdout", text: "building" }),
    "not json",
    JSON.stringify({ at: 6, stream: "stderr", text: "careful" }),
  ];
  const buildLog = await platform.upload(`${lines.join("\n")}\n`);
  const { files, contents } = page("logged");
  for (const text of contents) await platform.upload(text);
  const made = await platform.call("POST", "/api/projects/web/deployments", { files, buildLog });
  const path = `/api/deployments/${made.body.id}/events`;
  const followed = await platform.call("GET", `${path}?follow=1`);
  const rows = parseRows(followed.body);
  expect(rows.map((row) => row.seq)).toEqual(rows.map((_, i) => i + 1));
  expect(rows.filter((row) => row.stream === "build").map((row) => row.text)).toEqual([
    "building",
    "careful",
  ]);
  expect(rows.some((row) => row.text.includes("1 lines of the build's log can't be read"))).toBe(true);
  expect(rows.at(-1)).toMatchObject({ stream: "state", text: "ready (released)" });

  const rest = await platform.call("GET", `${path}?after=${rows.length - 2}`);
  expect(parseRows(rest.body)).toEqual(rows.slice(-2));
  const events = await platform.call("GET", `${path}?follow=1`, undefined, {
    headers: { accept: "text/event-stream", "last-event-id": String(rows.length - 1) },
  });
  expect(events.headers.get("content-type")).toBe("text/event-stream");
  expect(events.body).toContain(`id: ${rows.length}\ndata: {`);
  expect(events.body.endsWith("event: end\ndata: {}\n\n")).toBe(true);
});

test("clients that leave while they follow disturb nobody", async () => {
  const { id } = await deploy(platform, "web", { "static/index.html": "left" });
  for (let i = 0; i < 20; i++) {
    const aborter = new AbortController();
    const response = await platform.fetch(`/api/deployments/${id}/events?follow=1`, {
      signal: aborter.signal,
    });
    await response.body?.getReader().read();
    aborter.abort();
  }
  expect((await platform.call("GET", `/api/deployments/${id}`)).status).toBe(200);
});

const parseRows = (text: string): { seq: number; stream: string; text: string }[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
