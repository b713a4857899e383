import { randomBytes } from "node:crypto";
import type { Client } from "@cloudify/sdk";
import { Client as ApiClient } from "@cloudify/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { codeOf, deployTree, entry, sha256, tree, upload } from "#tests/support/sites.ts";

const platform = new TestPlatform();
let client: Client;
/** Another team's. */
let stranger: Client;

beforeAll(async () => {
  await platform.start();
  client = platform.client;
  const { token } = await client.request("POST /api/teams", { body: { slug: "strangers" } });
  stranger = new ApiClient({ api: platform.api, token: token.token });
});
afterAll(() => platform.remove());

interface Described {
  operationId: string;
  "x-cloudify-audit": string | null;
  "x-cloudify-scope": string | null;
}
interface Found extends Described {
  method: string;
  path: string;
}

async function operations(): Promise<Found[]> {
  const document = (await (await fetch(`${platform.api}/api/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, Described>>;
  };
  expect(document.openapi).toBe("3.1.0");
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, described]) => ({ ...described, method: method.toUpperCase(), path })),
  );
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A raw call, as curl would make it. */
async function call(method: string, path: string, init: RequestInit = {}, token = platform.token) {
  const response = await fetch(platform.api + path, {
    method,
    ...init,
    headers: { ...bearer(token), ...init.headers },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

const json = (body: unknown): RequestInit => ({
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});

async function auditSince(seq: number) {
  const { data } = await client.request("GET /api/teams/{team}/audit", {
    params: { team: "local" },
    query: { limit: 100 },
  });
  return data.filter((one) => one.seq > seq);
}
const lastSeq = async () => (await auditSince(0))[0]?.seq ?? 0;

/** One whose compile takes long enough to be canceled: much text that was never compressed before. */
async function slowDeployment(project: string): Promise<string> {
  const noise = () => randomBytes(5_000_000).toString("base64");
  const files = tree(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${i}.txt`, noise()])));
  await Promise.all(Object.values(files).map((text) => upload(client, text)));
  const body = { files: Object.entries(files).map(([path, text]) => entry(path, text)) };
  return (await client.request("POST /api/projects/{project}/deployments", { params: { project }, body })).id;
}

test("a cancel ends a deployment at once, gives its slot back, and its address says so", async () => {
  const { id: project } = await client.request("POST /api/projects", { body: { name: "canceled" } });
  const id = await slowDeployment(project);
  const startedAt = Date.now();
  const ended = await client.request("POST /api/deployments/{deployment}/cancel", {
    params: { deployment: id },
  });
  expect(ended).toMatchObject({ state: "canceled", error: { code: "canceled" } });
  expect(Date.now() - startedAt).toBeLessThan(5_000);
  expect(
    await codeOf(client.request("POST /api/deployments/{deployment}/cancel", { params: { deployment: id } })),
  ).toBe("illegal_transition");
  expect(
    await codeOf(
      client.request("POST /api/deployments/{deployment}/promote", { params: { deployment: id } }),
    ),
  ).toBe("illegal_transition");
  await expect.poll(async () => (await get(ended.url)).status).toBe(404);
  const next = await deployTree(client, project, tree({ a: "after" }));
  expect(next.state).toBe("ready");
});

test("every mutating operation writes exactly one audit entry, under the name that its contract gives", async () => {
  const made = await deployTree(
    client,
    (await client.request("POST /api/projects", { body: { name: "audited" } })).id,
    tree({ "a.txt": "1" }),
    { target: "production" },
  );
  const project = made.projectId;
  const again = async (text: string) =>
    deployTree(client, project, tree({ "a.txt": text }), { target: "production" });
  const second = await again("2");
  const bytes = Buffer.from("some bytes to upload");
  const digest = sha256(bytes);
  const partDigest = sha256(Buffer.from("in parts"));
  const variable = await client.request("POST /api/projects/{project}/env", {
    params: { project },
    body: { key: "K", value: "v", targets: ["preview"] },
  });
  const token = await client.request("POST /api/tokens", { body: { name: "t" } });
  const doomed = await client.request("POST /api/projects", { body: { name: "doomed" } });
  const text = { ...tree({ "a.txt": "3" }) };
  for (const content of Object.values(text)) await upload(client, content);
  const files = Object.entries(text).map(([path, content]) => entry(path, content));
  const third = await deployTree(client, project, tree({ "a.txt": "4" }));
  const source = { source: "export default () => new Response('x')" };
  const { id: unwanted } = await client.request("POST /api/functions", {
    body: { name: "unwanted", ...source },
  });

  const place = { latitude: 48, longitude: 16 };
  const [region, shed] = await Promise.all(
    ["attic", "shed"].map(
      async (name) => (await client.request("POST /api/regions", { body: { ...place, name } })).id,
    ),
  );

  /** @returns The trail's last entry when a rollout was under way, before it was moved. */
  const moved = async (to: "advance" | "abort") => {
    const { id } = await deployTree(client, project, tree({ "a.txt": `to ${to}` }));
    const from = await lastSeq();
    const body = { stages: [{ percent: 10 }, { percent: 100 }] };
    await client.request("POST /api/deployments/{deployment}/promote", { params: { deployment: id }, body });
    await expect.poll(async () => (await auditSince(from)).length).toBe(1);
    await client.request(`POST /api/projects/{project}/rollout/${to}`, { params: { project }, body: {} });
    return from + 1;
  };

  /** Operation → how to call it so that it succeeds. */
  const calls: Record<string, () => Promise<unknown>> = {
    "accounts.createTeam": () => call("POST", "/api/teams", json({ slug: "another" })),
    "accounts.createToken": () => call("POST", "/api/tokens", json({ name: "x" })),
    "accounts.revokeToken": () => call("DELETE", `/api/tokens/${token.id}`),
    "projects.create": () => call("POST", "/api/projects", json({ name: "fresh" })),
    "projects.update": () =>
      call("PATCH", `/api/projects/${project}`, json({ settings: { framework: "vite" } })),
    "projects.remove": () => call("DELETE", `/api/projects/${doomed.id}`),
    "deployments.create": () => call("POST", `/api/projects/${project}/deployments`, json({ files })),
    "deployments.cancel": async () => {
      const id = await slowDeployment(project);
      const before = await lastSeq();
      await client.request("POST /api/deployments/{deployment}/cancel", { params: { deployment: id } });
      return before;
    },
    "deployments.promote": () => call("POST", `/api/deployments/${made.id}/promote`),
    "deployments.rollback": () =>
      call("POST", `/api/projects/${project}/rollback`, json({ deploymentId: second.id })),
    "deployments.rollout": () =>
      call("POST", `/api/projects/${project}/rollout`, json({ deploymentId: made.id, percent: 10 })),
    "functions.deploy": () => call("POST", "/api/functions", json({ name: "wanted", ...source })),
    "functions.remove": () => call("DELETE", `/api/functions/${unwanted}`),
    "deployments.redeploy": () => call("POST", `/api/deployments/${second.id}/redeploy`),
    "deployments.remove": () => call("DELETE", `/api/deployments/${third.id}`),
    "blobs.putPack": () => {
      const pack = new FormData();
      for (const one of ["in", "a pack"]) pack.append(sha256(Buffer.from(one)), new Blob([one]), one);
      return call("PUT", "/api/blobs", { body: pack });
    },
    "blobs.put": () => call("PUT", `/api/blobs/${digest}`, { body: bytes }),
    "blobs.startParts": () => call("POST", `/api/blobs/${partDigest}/parts`, json({ size: 8 })),
    "blobs.putPart": () => call("PUT", `/api/blobs/${partDigest}/parts/1`, { body: "in parts" }),
    "blobs.completeParts": () => call("POST", `/api/blobs/${partDigest}/parts/complete`),
    "envVars.create": () =>
      call("POST", `/api/projects/${project}/env`, json({ key: "L", value: "v", targets: ["preview"] })),
    "envVars.update": () =>
      call("PATCH", `/api/projects/${project}/env/${variable.id}`, json({ value: "w" })),
    "envVars.remove": () => call("DELETE", `/api/projects/${project}/env/${variable.id}`),
    "regions.create": () => call("POST", "/api/regions", json({ name: "fra", latitude: 50, longitude: 9 })),
    "regions.update": () => call("PATCH", `/api/regions/${region}`, json({ weight: 5 })),
    "regions.drain": () => call("POST", `/api/regions/${region}/drain`),
    "regions.renewToken": () => call("POST", `/api/regions/${region}/token`),
    "regions.remove": () => call("DELETE", `/api/regions/${shed}`),
    "rollouts.advance": () => moved("advance"),
    "rollouts.abort": () => moved("abort"),
  };
  const mutating = (await operations()).filter((one) => one.method !== "GET");
  expect(mutating.map((one) => one.operationId).sort()).toEqual(Object.keys(calls).sort());
  for (const { operationId, "x-cloudify-audit": action } of mutating) {
    let before = await lastSeq();
    const answer = await calls[operationId]?.();
    if (typeof answer === "number") before = answer;
    else
      expect([operationId, (answer as { status: number }).status]).toEqual([
        operationId,
        expect.toSatisfy((status: number) => status < 300),
      ]);
    // A new team's trail is its own; an object copies its entry behind the answer.
    const expected = operationId === "accounts.createTeam" ? [] : [action];
    await expect
      .poll(async () => (await auditSince(before)).map((one) => one.action), { timeout: 5_000 })
      .toEqual(expected);
  }
  const seqs = (await auditSince(0)).map((one) => one.seq);
  expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) - i));
}, 180_000);

test("another team's token finds nothing of this team's, whatever it asks", async () => {
  const project = await client.request("POST /api/projects", { body: { name: "private" } });
  const made = await deployTree(client, project.id, tree({ "a.txt": "mine" }));
  const variable = await client.request("POST /api/projects/{project}/env", {
    params: { project: project.id },
    body: { key: "K", value: "v", targets: ["preview"] },
  });
  const token = await client.request("POST /api/tokens", { body: { name: "t" } });
  const named: Record<string, string> = {
    project: project.id,
    deployment: made.id,
    envVar: variable.id,
    token: token.id,
    team: project.teamId,
    sha256: sha256("nobody has this"),
    part: "1",
    function: project.id,
  };
  const bodies: Record<string, unknown> = {
    "deployments.create": { files: [entry("config.json", "{}")] },
    "deployments.rollout": { percent: 10, deploymentId: made.id },
    "projects.update": { settings: {} },
    "envVars.create": { key: "X", value: "v", targets: ["preview"] },
    "envVars.update": { value: "v" },
  };
  const strange = (await stranger.request("GET /api/me")).team;
  expect(strange.slug).toBe("strangers");
  const token2 = (await client.request("POST /api/teams", { body: { slug: "strangers-2" } })).token.token;
  for (const { operationId, method, path } of await operations()) {
    if (!path.includes("{") || operationId === "blobs.put" || operationId === "blobs.startParts") continue;
    const at = path.replace(/\{(\w+)\}/g, (_, name: string) => named[name] ?? "");
    const body = bodies[operationId];
    const init: RequestInit = operationId === "blobs.putPart" ? { body: "x" } : body ? json(body) : {};
    const answer = await call(method, at, init, token2);
    expect([operationId, answer.status, answer.body?.code]).toEqual([operationId, 404, "not_found"]);
    expect(answer.body.fix).toBeTruthy();
  }
});

describe("tokens", () => {
  test("expired, revoked, unknown and missing ones are told apart", async () => {
    const code = async (token: string) => (await call("GET", "/api/me", {}, token)).body.code;
    expect(await code("cfy_nothing")).toBe("unauthenticated");
    expect((await fetch(`${platform.api}/api/me`)).status).toBe(401);
    const short = await client.request("POST /api/tokens", {
      body: { name: "short", expiresAt: Date.now() + 300 },
    });
    await expect.poll(() => code(short.token)).toBe("token_expired");
    const gone = await client.request("POST /api/tokens", { body: { name: "gone" } });
    expect(gone.token).toMatch(/^cfy_[A-Za-z0-9]{40}$/);
    await client.request("DELETE /api/tokens/{token}", { params: { token: gone.id } });
    expect(await code(gone.token)).toBe("token_revoked");
  });

  test("a role and scopes bound what a token may do, and what tokens it may make", async () => {
    const as = async (body: {
      name: string;
      role?: "viewer" | "developer" | "admin";
      scopes?: ("projects:read" | "tokens:write")[];
    }) =>
      new ApiClient({ api: platform.api, token: (await client.request("POST /api/tokens", { body })).token });
    const viewer = await as({ name: "v", role: "viewer" });
    expect(await codeOf(viewer.request("GET /api/projects"))).toBe("ok");
    expect(await codeOf(viewer.request("POST /api/projects", { body: { name: "nope" } }))).toBe("forbidden");
    const narrow = await as({ name: "n", role: "developer", scopes: ["projects:read"] });
    expect(await codeOf(narrow.request("POST /api/projects", { body: { name: "nope" } }))).toBe("forbidden");
    const admin = await as({ name: "a", role: "admin" });
    expect(await codeOf(admin.request("POST /api/tokens", { body: { name: "up", role: "owner" } }))).toBe(
      "forbidden",
    );
    expect(await codeOf(admin.request("POST /api/tokens", { body: { name: "same", role: "admin" } }))).toBe(
      "ok",
    );
  });

  test("the last owner's token can't be revoked", async () => {
    const { token } = await stranger.request("GET /api/me");
    expect(
      await codeOf(stranger.request("DELETE /api/tokens/{token}", { params: { token: token.id } })),
    ).toBe("conflict");
  });
});

describe("idempotency", () => {
  test("the same key answers the same; with another body it is refused", async () => {
    const key = { "idempotency-key": "one" };
    const first = await call("POST", "/api/tokens", {
      ...json({ name: "once" }),
      headers: { "content-type": "application/json", ...key },
    });
    const again = await call("POST", "/api/tokens", {
      ...json({ name: "once" }),
      headers: { "content-type": "application/json", ...key },
    });
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const other = await call("POST", "/api/tokens", {
      ...json({ name: "other" }),
      headers: { "content-type": "application/json", ...key },
    });
    expect([other.status, other.body.code]).toEqual([422, "idempotency_mismatch"]);
  });

  test("of many at once, one acts", async () => {
    const headers = { "content-type": "application/json", "idempotency-key": "race" };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        call("POST", "/api/projects", { ...json({ name: "raced" }), headers }),
      ),
    );
    const made = answers.filter((one) => one.status === 201);
    expect(new Set(made.map((one) => one.body.id)).size).toBe(1);
    for (const one of answers) expect([201, 409]).toContain(one.status);
  });
});

describe("bad input", () => {
  let project = "";
  beforeAll(async () => {
    project = (await client.request("POST /api/projects", { body: { name: "bad" } })).id;
  });
  const create = async (files: unknown) =>
    (await call("POST", `/api/projects/${project}/deployments`, json({ files }))).body.code;

  test("manifests that lie, lead out, collide or are too large are refused", async () => {
    const config = '{"version":3}';
    await upload(client, config);
    const good = entry("config.json", config);
    expect(await create([good, { ...good, path: "static/../../etc/passwd" }])).toBe("invalid_manifest");
    expect(await create([good, { ...good, path: "static/A" }, { ...good, path: "static/a" }])).toBe(
      "invalid_manifest",
    );
    expect(await create([{ ...good, path: "static/a" }])).toBe("invalid_manifest");
    expect(await create([{ ...good, size: 1 }])).toBe("size_mismatch");
    expect(await create([{ ...good, sha256: "xyz" }])).toBe("invalid_input");
    expect(await create([])).toBe("invalid_input");
    expect(await create(undefined)).toBe("invalid_input");
    const many = Array.from({ length: 100_000 }, (_, i) => ({ ...good, path: `static/${i}` }));
    expect(await create(many)).toBe("too_many_files");
  });

  test("another team's digest is as missing as one that nobody has", async () => {
    const text = "only the stranger has this";
    await upload(stranger, text);
    await upload(client, "{}");
    const files = [entry("config.json", "{}"), entry("static/a", text)];
    const answer = await call("POST", `/api/projects/${project}/deployments`, json({ files }));
    expect([answer.status, answer.body.code, answer.body.missing]).toEqual([
      409,
      "missing_blobs",
      [sha256(text)],
    ]);
  });

  test("uploads that do not hold what they say leave nothing", async () => {
    const digest = sha256("right");
    expect((await call("PUT", `/api/blobs/${digest}`, { body: "wrong" })).body.code).toBe("digest_mismatch");
    const files = [entry("config.json", "right")];
    expect(
      (await call("POST", `/api/projects/${project}/deployments`, json({ files }))).body.missing,
    ).toEqual([digest]);
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("right"));
        controller.close();
      },
    });
    const init = { body: chunked, duplex: "half" } as RequestInit;
    expect((await call("PUT", `/api/blobs/${digest}`, init)).body.code).toBe("length_required");
    expect((await call("PUT", "/api/blobs/nonsense", { body: "x" })).body.code).toBe("invalid_input");
  });

  test.each([
    ["not JSON", "{", "invalid_output"],
    ["another version", '{"version":2}', "invalid_output"],
    ["no version", "{}", "invalid_output"],
    ["a catastrophic pattern", '{"version":3,"routes":[{"src":"^/(a+)+\\\\1$"}]}', "invalid_output"],
    ["an unknown key of a route", '{"version":3,"routes":[{"src":"/","magic":true}]}', "not_yet"],
    ["middleware", '{"version":3,"routes":[{"src":"/","middlewarePath":"middleware"}]}', "invalid_output"],
    ["crons", '{"version":3,"crons":[{"path":"/","schedule":"* * * * *"}]}', "not_yet"],
  ])("an output with %s ends in an error that says what to do", async (_, config, code) => {
    const done = await deployTree(client, project, { "config.json": config, "static/a": "a" });
    expect(done).toMatchObject({ state: "error", error: { code, fix: expect.stringMatching(/\w/) } });
  });

  test("names, hosts, keys and settings are checked", async () => {
    const code = async (method: string, path: string, body: unknown) =>
      (await call(method, path, json(body))).body.code;
    expect(await code("POST", "/api/projects", { name: "Bad_Name" })).toBe("invalid_input");
    expect(await code("POST", "/api/projects", { name: "www" })).toBe("invalid_input");
    expect(await code("POST", "/api/projects", { name: "bad" })).toBe("name_taken");
    const env = (body: object) =>
      code("POST", `/api/projects/${project}/env`, { value: "v", targets: ["preview"], ...body });
    expect(await env({ key: "1X" })).toBe("invalid_input");
    expect(await env({ key: "CLOUDIFY_X" })).toBe("invalid_input");
    expect(await env({ key: "TWICE" })).toBeUndefined();
    expect(await env({ key: "TWICE" })).toBe("name_taken");
    expect(await env({ key: "B", branch: "x", targets: ["production"] })).toBe("invalid_input");
    const set = (settings: object, more = {}) =>
      code("PATCH", `/api/projects/${project}`, { settings, ...more });
    for (const setting of [{ productionBranch: "main" }, { protection: "password" }])
      expect(await set(setting)).toBe("not_yet");
    for (const setting of [{ regions: ["nowhere"] }, { failover: ["nowhere"] }, { nodeVersion: "old" }])
      expect(await set(setting)).toBe("invalid_input");
    expect(await set({}, { ifVersion: 99 })).toBe("conflict");
    expect(await set({ rootDirectory: "../x" })).toBe("invalid_input");
  });

  test("requests that are none get a Problem that says so", async () => {
    expect(
      (await call("POST", "/api/projects", { body: "{", headers: { "content-type": "application/json" } }))
        .body.code,
    ).toBe("invalid_json");
    expect(
      (await call("POST", "/api/projects", { body: "x", headers: { "content-type": "text/plain" } })).body
        .code,
    ).toBe("unsupported_media_type");
    expect((await call("GET", "/api/nothing")).body.code).toBe("not_found");
    expect((await call("PUT", "/api/projects")).body.code).toBe("method_not_allowed");
    expect((await call("GET", "/api/projects?cursor=%00")).body.code).toBe("invalid_input");
    expect((await call("GET", "/api/me")).headers.get("x-request-id")).toMatch(/^req_/);
  });

  test("of two promotes that saw the same epoch, one wins", async () => {
    const [a, b] = [
      await deployTree(client, project, tree({ a: "1" })),
      await deployTree(client, project, tree({ a: "2" })),
    ];
    const promote = (deployment: string) =>
      codeOf(
        client.request("POST /api/deployments/{deployment}/promote", {
          params: { deployment },
          body: { ifEpoch: 0 },
        }),
      );
    expect((await Promise.all([promote(a.id), promote(b.id)])).sort()).toEqual(["conflict", "ok"]);
  });
});

test("sensitive variables can't be read back, and a change reaches new deployments only", async () => {
  const { id: project } = await client.request("POST /api/projects", { body: { name: "secrets" } });
  const params = { project };
  const canary = "canary-5f0c1d3e-value";
  const made = await client.request("POST /api/projects/{project}/env", {
    params,
    body: { key: "S", value: canary, targets: ["production"], sensitive: true },
  });
  await client.request("POST /api/projects/{project}/env", {
    params,
    body: { key: "P", value: "plain", targets: ["production"] },
  });
  expect(made.value).toBeNull();
  const listed = await client.request("GET /api/projects/{project}/env", { params });
  const pulled = await client.request("GET /api/projects/{project}/env/pull", {
    params,
    query: { target: "production" },
  });
  expect(pulled).toEqual({ env: { P: "plain" }, sensitive: ["S"] });
  const open = await call("PATCH", `/api/projects/${project}/env/${made.id}`, json({ sensitive: false }));
  expect(open.body.code).toBe("invalid_input");
  const trail = await client.request("GET /api/teams/{team}/audit", {
    params: { team: "local" },
    query: { limit: 100 },
  });
  expect(JSON.stringify([made, listed, trail]) + platform.output).not.toContain(canary);
});

test("lists come in pages, and the trail can be exported and checked", async () => {
  const seen = new Set<string>();
  for await (const one of client.pages((cursor) =>
    client.request("GET /api/projects", { query: { limit: 2, ...(cursor ? { cursor } : {}) } }),
  )) {
    expect(seen.has(one.id)).toBe(false);
    seen.add(one.id);
  }
  expect(seen.size).toBeGreaterThan(4);
  const csv = String(await client.call("GET", "/api/teams/local/audit?format=csv"));
  expect(csv.split("\r\n")[0]).toContain("seq,at,actor_type");
  const lines = String(await client.call("GET", "/api/teams/local/audit?format=ndjson"))
    .trim()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line).seq)).toEqual(lines.map((_, i) => i + 1));
  const checked = await client.request("GET /api/teams/{team}/audit/verify", { params: { team: "local" } });
  expect(checked).toMatchObject({ ok: true, brokenAt: null });
  expect(checked.sealed + checked.unsealed).toBeGreaterThanOrEqual(lines.length);
});

test("the reference page and the document need no token", async () => {
  const page = await fetch(`${platform.api}/api/docs`);
  expect(await page.text()).toContain("/api/projects/{project}/deployments");
  expect((await fetch(platform.api, { redirect: "manual" })).headers.get("location")).toBe("/api/docs");
});
