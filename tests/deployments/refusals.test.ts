import { afterAll, beforeAll, expect, test } from "vitest";
import { deploy, deployAny, outputOf, sha256, startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await platform.call("POST", "/api/projects", { name: "web" });
});
afterAll(() => platform.stop());

const CONFIG = '{"version":3}';
const config = { path: "config.json", sha256: sha256(CONFIG), size: CONFIG.length };
const create = (body: unknown, token?: string) =>
  platform.call("POST", "/api/projects/web/deployments", body, token ? { token } : {});
const count = (table: string) => platform.db.prepare(`select count(*) as n from ${table}`).first("n");

test.each([
  ["a traversal", [{ ...config, path: "static/../../etc/passwd" }], "invalid_manifest"],
  ["an absolute path", [{ ...config, path: "/etc/passwd" }], "invalid_manifest"],
  ["a backslash", [{ ...config, path: "static\\x" }], "invalid_manifest"],
  ["a NUL", [{ ...config, path: "static/a\u0000b" }], "invalid_manifest"],
  ["a file twice", [config, config], "invalid_manifest"],
  [
    "two cases of a name",
    [config, { ...config, path: "static/A" }, { ...config, path: "static/a" }],
    "invalid_manifest",
  ],
  [
    "a file as folder",
    [config, { ...config, path: "static/a" }, { ...config, path: "static/a/b" }],
    "invalid_manifest",
  ],
  ["the platform's own path", [config, { ...config, path: "static/_cloudify/image" }], "invalid_manifest"],
  ["no config.json", [{ ...config, path: "static/index.html" }], "invalid_manifest"],
  ["a digest that is none", [{ ...config, sha256: "../../x" }], "invalid_input"],
  ["a negative size", [{ ...config, size: -1 }], "invalid_input"],
  ["a fraction of a byte", [{ ...config, size: 1.5 }], "invalid_input"],
  ["no files", [], "invalid_input"],
  [
    "too many bytes",
    [config, ...Array.from({ length: 11 }, (_, i) => ({ ...config, path: `static/${i}`, size: 2 ** 29 }))],
    "too_large",
  ],
])("a manifest with %s is refused, with what to do, and leaves nothing", async (_, files, code) => {
  await platform.upload(CONFIG);
  const before = [await count("deployments"), await count("audit_entries"), await count("manifest_blobs")];
  const answer = await create({ files });
  expect(answer.body).toMatchObject({ code });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  expect(answer.body.fix).toBeTruthy();
  expect([await count("deployments"), await count("audit_entries"), await count("manifest_blobs")]).toEqual(
    before,
  );
});

test("a size that lies is refused", async () => {
  await platform.upload(CONFIG);
  const answer = await create({ files: [{ ...config, size: 12 }] });
  expect(answer).toMatchObject({ status: 400, body: { code: "size_mismatch", path: "config.json" } });
});

test("another team's file is as missing as one that nobody has", async () => {
  const other = await platform.newTeam("other");
  const secret = await platform.upload("the other team's secret", other);
  await platform.upload(CONFIG);
  const files = [config, { path: "static/s.txt", sha256: secret, size: 23 }];
  const nobodys = [config, { path: "static/s.txt", sha256: sha256("nobody's"), size: 23 }];
  const [theirs, none] = [await create({ files }), await create({ files: nobodys })];
  expect(theirs).toMatchObject({ status: 409, body: { code: "missing_blobs", missing: [secret] } });
  expect({ ...theirs.body, missing: [], requestId: "" }).toEqual({
    ...none.body,
    missing: [],
    requestId: "",
  });
});

test("another team's deployment, project and log are not there", async () => {
  const { id, url } = await deploy(platform, "web", { "static/index.html": "mine" });
  const token = await platform.newTeam("strangers");
  const asked = (method: string, path: string, body?: unknown) =>
    platform.call(method, path, body, { token });
  const host = new URL(url).hostname;
  for (const [method, path] of [
    ["GET", `/api/deployments/${id}`],
    ["GET", `/api/deployments/${host}`],
    ["DELETE", `/api/deployments/${id}`],
    ["POST", `/api/deployments/${id}/cancel`],
    ["POST", `/api/deployments/${id}/promote`],
    ["POST", `/api/deployments/${id}/redeploy`],
    ["GET", `/api/deployments/${id}/events`],
    ["GET", "/api/projects/web/deployments"],
    ["POST", "/api/projects/web/rollback"],
  ] as const) {
    expect({ path, ...(await asked(method, path)) }).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
  }
  expect((await create({ files: [config] }, token)).status).toBe(404);
});

const nasty = "^/(a+)+\\1$";
test.each([
  ["not JSON", "{", "invalid_output", "not JSON"],
  ["a list", "[]", "invalid_output", "no version"],
  ["version 2", '{"version":2}', "invalid_output", "version 2"],
  [
    "a catastrophic pattern",
    JSON.stringify({ version: 3, routes: [{ src: nasty, dest: "/x" }] }),
    "invalid_output",
    "routes[0].src",
  ],
  ["a pattern that is none", '{"version":3,"routes":[{"src":"("}]}', "invalid_output", "routes[0].src"],
  ["routes that are no list", '{"version":3,"routes":{}}', "invalid_output", "routes"],
  ["crons", '{"version":3,"crons":[{"path":"/api/tick","schedule":"* * * * *"}]}', "not_yet", "/api/tick"],
  [
    "middleware",
    '{"version":3,"routes":[{"src":"/","middlewarePath":"mw"}]}',
    "invalid_output",
    "the middleware mw",
  ],
  [
    "a header in a type",
    '{"version":3,"overrides":{"index.html":{"contentType":"text/html\\nx: y"}}}',
    "invalid_output",
    "contentType",
  ],
  [
    "an override that leads out",
    '{"version":3,"overrides":{"index.html":{"path":"../x"}}}',
    "invalid_output",
    "leads out",
  ],
  [
    "an override of a kept path",
    '{"version":3,"overrides":{"index.html":{"path":"_cloudify/x"}}}',
    "invalid_output",
    "kept",
  ],
  [
    "an override onto another file",
    '{"version":3,"overrides":{"index.html":{"path":"b.html"}}}',
    "invalid_output",
    "two files",
  ],
  ["more than a MiB", JSON.stringify({ version: 3, x: "y".repeat(1024 * 1024) }), "invalid_output", "bytes"],
])("a config.json with %s ends in an error that says so", async (_, text, code, says) => {
  const done = await deployAny(platform, "web", {
    "config.json": text,
    "static/index.html": "x",
    "static/b.html": "y",
  });
  expect(done).toMatchObject({ state: "error", error: { code } });
  expect(done.error.detail).toContain(says);
  expect(done.error.fix).toBeTruthy();
  expect(done.liveOn).toEqual([]);
});

test("an output that needs functions names them all, whatever its form", async () => {
  const done = await deployAny(platform, "web", {
    "static/index.html": "x",
    "functions/api/users.func/.vc-config.json": "{}",
    "functions/api/users.func/index.js": "1",
    "functions/page.func/.vc-config.json": '{"runtime":"python3.12","handler":"index.py"}',
    "functions/isr.prerender-config.json": "{}",
    "functions/isr.prerender-fallback.html": "x",
    "functions/loose.js": "1",
  });
  expect(done.error.code).toBe("functions_not_yet");
  const named = "api/users (without a runtime), isr, loose.js, page (python3.12)";
  expect(done.error.detail).toBe(`The output needs functions that nothing runs: ${named}.`);
});

test("an output that would serve nothing is an error, not a site of 404s", async () => {
  const done = await deployAny(platform, "web", { "public/index.html": "x" });
  expect(done).toMatchObject({ state: "error", error: { code: "invalid_output" } });
});

test("what is accepted without effect is said in the log", async () => {
  const done = await deploy(platform, "web", {
    "config.json": JSON.stringify({
      version: 3,
      images: { sizes: [1] },
      newKey: 1,
      framework: { version: "1" },
      overrides: { "gone.html": {} },
    }),
    "static/index.html": "x",
    "elsewhere/x.txt": "x",
    "builds.json": "{}",
  });
  const log = (await platform.call("GET", `/api/deployments/${done.id}/events`)).body;
  for (const text of [
    "newKey is not known",
    "images are not optimised",
    "elsewhere/x.txt",
    "no static/gone.html",
  ])
    expect(log).toContain(text);
  expect(log).not.toContain("framework");
  expect(log).not.toContain("builds.json");
});

test("names that JavaScript gives a meaning are files like any other", async () => {
  const tree = { "static/__proto__": "a", "static/constructor": "b", "static/toString/index.html": "c" };
  const { id } = await deploy(platform, "web", tree);
  const site = await platform.db.prepare("select site from deployments where id = ?").bind(id).first("site");
  const text = (await (await platform.store.get(`sites/${site}`))?.text()) ?? "";
  for (const name of ["__proto__", "constructor", "toString/index.html"])
    expect(text).toContain(`"${name}":{`);
});

test("a route table made to be slow is refused or compiled, and keeps no other deployment waiting for long", async () => {
  const routes = Array.from({ length: 150 }, (_, i) => ({
    src: `^/x${i}/(a|a?)+(b|b?)+(c|c?)+$`,
    dest: "/",
  }));
  const { files, contents } = outputOf({
    "config.json": JSON.stringify({ version: 3, routes }),
    "static/index.html": "x",
  });
  for (const text of contents) await platform.upload(text);
  const slow = await create({ files });
  const started = performance.now();
  await deploy(platform, "web", { "static/index.html": "quick" });
  expect(performance.now() - started).toBeLessThan(45_000);
  const canceled = await platform.call("POST", `/api/deployments/${slow.body.id}/cancel`);
  expect([200, 409]).toContain(canceled.status);
}, 90_000);

test("a deployment can be canceled once, and a finished one not at all", async () => {
  const { id } = await deploy(platform, "web", { "static/index.html": "done" });
  const late = await platform.call("POST", `/api/deployments/${id}/cancel`);
  expect(late).toMatchObject({ status: 409, body: { code: "illegal_transition" } });
});
