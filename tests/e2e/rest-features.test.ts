import { randomBytes } from "node:crypto";
import { drizzle } from "drizzle-orm/d1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Base } from "#core/ctx.ts";
import type { KeyRing } from "#core/seal.ts";
import { systemRandom } from "#core/time.ts";
import { sealTeam } from "#features/audit/seal.ts";
import { dataKeyOf, rotateDataKeys } from "#features/env-vars/keys.ts";
import { type Policy, policyKey } from "#features/projects/policy.ts";
import { type Answer, startPlatform, type TestPlatform } from "#tests/deployments/platform.ts";
import { interrupted } from "#tests/support/interrupted.ts";

let platform: TestPlatform;
let stranger: string;
let team: string;
beforeAll(async () => {
  platform = await startPlatform();
  stranger = await platform.newTeam("strangers");
  team = (await platform.call("GET", "/api/me")).body.team.id;
});
afterAll(() => platform.stop());

const post = (path: string, body: unknown, token?: string) =>
  platform.call("POST", path, body, token === undefined ? {} : { token });
const get = (path: string) => platform.call("GET", path);
const codes = (answers: Answer[]) => answers.map((one) => one.body.code ?? one.status).sort();
const count = async (table: string, where: string, ...values: string[]) =>
  platform.db
    .prepare(`select count(*) as n from ${table} where ${where}`)
    .bind(...values)
    .first("n");
/** The rules' view of the same database; only what they touch is there. */
const base = (keyEncryptionKeys?: KeyRing) =>
  ({
    db: drizzle(platform.db),
    random: systemRandom,
    clock: { now: () => 1 },
    keyEncryptionKeys,
  }) as unknown as Base;

describe("tokens", () => {
  test("a token gives away no more than it has, and scopes that its role lacks are refused", async () => {
    const admin = (await post("/api/tokens", { name: "a", role: "admin" })).body.token;
    expect((await post("/api/tokens", { name: "x", role: "owner" }, admin)).body.code).toBe("forbidden");
    const soon = Date.now() + 60_000;
    const scopes = ["tokens:write", "projects:read"];
    const narrow = (await post("/api/tokens", { name: "n", role: "admin", scopes, expiresAt: soon })).body
      .token;
    for (const wanted of [
      {},
      { scopes: ["projects:read"] },
      { scopes: ["projects:read"], expiresAt: soon + 1 },
      { scopes: ["env:read"], expiresAt: soon },
    ]) {
      // A token that lacks teams:read can't look at itself, and still its bounds hold.
      expect((await post("/api/tokens", { name: "x", role: "viewer", ...wanted }, narrow)).body.code).toBe(
        "forbidden",
      );
    }
    const lesser = { name: "x", role: "viewer", scopes: ["projects:read"], expiresAt: soon };
    expect((await post("/api/tokens", lesser, narrow)).status).toBe(201);
    const vain = await post("/api/tokens", { name: "x", role: "viewer", scopes: ["env:write"] });
    expect([vain.status, vain.body.code]).toEqual([400, "invalid_input"]);
    expect((await post("/api/tokens", { name: "x", expiresAt: 1 })).body.code).toBe("invalid_input");
  });

  test("a lower role revokes no owner, and owners that all revoke each other leave one", async () => {
    const { token, team: made } = (await post("/api/teams", { slug: "duel" })).body;
    const admin = (await post("/api/tokens", { name: "a", role: "admin" }, token.token)).body.token;
    const revoke = (id: string, by: string) =>
      platform.call("DELETE", `/api/tokens/${id}`, undefined, { token: by });
    expect((await revoke(token.id, admin)).body.code).toBe("forbidden");
    let last = token;
    for (let round = 0; round < 10; round++) {
      const owners = [last];
      for (let i = 0; i < 9; i++) {
        owners.push((await post("/api/tokens", { name: `o${i}`, role: "owner" }, last.token)).body);
      }
      await Promise.all(owners.map(({ token: by }, i) => revoke(owners[(i + 1) % owners.length].id, by)));
      const { results: left } = await platform.db
        .prepare("select id from tokens where team_id = ? and role = 'owner' and revoked_at is null")
        .bind(made.id)
        .all();
      expect(left.length).toBeGreaterThan(0);
      last = owners.find((one) => one.id === left[0]?.id);
      for (const { id } of left.slice(1)) await revoke(String(id), last.token);
    }
    expect((await revoke(last.id, last.token)).body.code).toBe("conflict");
  });
});

describe("projects", () => {
  test("pages hold every project once, whatever their size; another team sees none of them", async () => {
    const names = Array.from({ length: 7 }, (_, i) => `page-${i}`);
    for (const name of names) await post("/api/projects", { name });
    for (const limit of [1, 3, 7, 100]) {
      const seen: string[] = [];
      for (let cursor = ""; ; ) {
        const { body } = await get(`/api/projects?search=page-&limit=${limit}${cursor}`);
        seen.push(...body.data.map((one: { name: string }) => one.name));
        if (body.next === null) break;
        cursor = `&cursor=${encodeURIComponent(body.next)}`;
      }
      expect(seen).toEqual(names);
    }
    const theirs = await platform.call("GET", "/api/projects", undefined, { token: stranger });
    expect(theirs.body).toEqual({ data: [], next: null });
    const { id } = (await get("/api/projects/page-0")).body;
    for (const name of [id, "page-0"])
      expect(
        (await platform.call("GET", `/api/projects/${name}`, undefined, { token: stranger })).status,
      ).toBe(404);
    for (const bad of ["limit=0", "limit=101", "limit=x", "cursor=%25"])
      expect((await get(`/api/projects?${bad}`)).body.code).toBe("invalid_input");
  });

  test("two teams that take a name at once both get it, with a host each", async () => {
    const both = await Promise.all([
      ...["one", "two", "three"].map((name) => post("/api/projects", { name: `both-${name}` })),
      ...["one", "two", "three"].map((name) => post("/api/projects", { name: `both-${name}` }, stranger)),
    ]);
    expect(both.map((one) => one.status)).toEqual(Array(6).fill(201));
    expect(new Set(both.map((one) => one.body.url)).size).toBe(6);
    const again = await post("/api/projects", { name: "both-one" });
    expect([again.status, again.body.code]).toEqual([409, "name_taken"]);
  });

  test("of changes to one version one wins, and every version is kept", async () => {
    await post("/api/projects", { name: "versions" });
    const change = (framework: string, ifVersion?: number) =>
      platform.call("PATCH", "/api/projects/versions", { settings: { framework }, ifVersion });
    const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => change(`f${i}`, 1)));
    expect(codes(answers)).toEqual([200, ...Array(5).fill("conflict")]);
    const { body } = await change("last");
    expect(body).toMatchObject({ settingsVersion: 3, settings: { framework: "last", protection: "public" } });
    expect(await count("project_settings", "project_id = ?", body.id)).toBe(3);
    for (const settings of [{ productionBranch: "main" }, { protection: "sso" }]) {
      const refused = await platform.call("PATCH", "/api/projects/versions", { settings });
      expect([refused.status, refused.body.code]).toEqual([422, "not_yet"]);
      expect(refused.body.setting).toBe(Object.keys(settings)[0]);
    }
    expect((await get("/api/projects/versions")).body.settingsVersion).toBe(3);
  });

  test("affinity reaches the edge, and is taken from it again", async () => {
    const { id } = (await post("/api/projects", { name: "kept" })).body;
    const set = (affinity: unknown) =>
      platform.call("PATCH", `/api/projects/${id}`, { settings: { affinity } });
    const policy = () => platform.snapshots.get<Policy>(policyKey(id), "json");
    expect((await policy())?.affinity).toBeUndefined();
    expect((await set("region")).body.settings.affinity).toBe("region");
    expect(await policy()).toMatchObject({ version: 2, affinity: "region" });
    expect((await set(null)).body.settings.affinity).toBeNull();
    expect(await policy()).toEqual({ v: 1, version: 3, protection: "public" });
    expect((await set("planet")).body.code).toBe("invalid_input");
  });

  test("stages that can't be are refused by name, in settings, deploys and promotes", async () => {
    const { id } = (await post("/api/projects", { name: "staged" })).body;
    const stages = [{ percent: 10, minutes: 5 }, { percent: 100 }];
    for (const [rollingRelease, path] of [
      [{ stages: [{ percent: 10 }] }, "settings.rollingRelease.stages"],
      [{ stages: [{ percent: 0 }, { percent: 100 }] }, "settings.rollingRelease.stages.0.percent"],
      [{ stages, guard: { points: 0 } }, "settings.rollingRelease.guard.points"],
      [{ stages, advance: "auto" }, "advance"],
    ] as const) {
      const { status, body } = await platform.call("PATCH", `/api/projects/${id}`, {
        settings: { rollingRelease },
      });
      expect([status, body.code, JSON.stringify(body)]).toEqual([
        400,
        "invalid_input",
        expect.stringContaining(path),
      ]);
    }
    const set = await platform.call("PATCH", `/api/projects/${id}`, {
      settings: { rollingRelease: { stages } },
    });
    expect(set.body.settings.rollingRelease).toEqual({
      stages,
      guard: { points: 5, requests: 50, minutes: 5 },
    });
    const text = '{"version":3}';
    const sha = await platform.upload(text);
    const files = [{ path: "config.json", sha256: sha, size: text.length }];
    const create = (more: object) => post(`/api/projects/${id}/deployments`, { files, ...more });
    expect((await create({ target: "preview", stages })).body.detail).toContain("not of preview's");
    expect((await create({ target: "production", percent: 5, stages })).body.fix).toBe(
      "Give percent, or stages.",
    );
    expect(await get(`/api/projects/${id}/rollout`)).toMatchObject({
      status: 200,
      body: { epoch: 0, live: null, canary: null, rolling: null, figures: null, verdict: null, last: null },
    });
    for (const verb of ["advance", "abort"]) {
      const { status, body } = await post(`/api/projects/${id}/rollout/${verb}`, {});
      expect([status, body.code]).toEqual([409, "illegal_transition"]);
      expect((await post(`/api/projects/${id}/rollout/${verb}`, {}, stranger)).status).toBe(404);
    }
  });

  test("a removed project leaves nothing but its trail, and its name is free", async () => {
    const { id } = (await post("/api/projects", { name: "gone" })).body;
    await post("/api/projects/gone/env", { key: "A", value: "1", targets: ["preview", "production"] });
    expect((await platform.call("DELETE", "/api/projects/gone")).status).toBe(204);
    for (const table of ["hosts", "env_vars", "env_var_targets", "project_settings", "pointers"])
      expect([table, await count(table, "project_id = ?", id)]).toEqual([table, 0]);
    expect(await count("outbox", "payload like ?", `%${id}%`)).toBe(0);
    expect((await get("/api/projects/gone")).status).toBe(404);
    expect((await post("/api/projects", { name: "gone" })).status).toBe(201);
  });
});

describe("environment variables", () => {
  const variable = (more: object) =>
    post("/api/projects/vars/env", { key: "K", value: "v", targets: ["preview"], ...more });
  beforeAll(async () => {
    await post("/api/projects", { name: "vars" });
  });

  test("a sensitive value is in no reply, in no export, and in no table", async () => {
    const canary = `canary-${randomBytes(8).toString("hex")}`;
    const headers = { "idempotency-key": "canary" };
    const body = { key: "SECRET", value: canary, targets: ["production"], sensitive: true };
    const made = await platform.call("POST", "/api/projects/vars/env", body, { headers });
    const path = `/api/projects/vars/env/${made.body.id}`;
    const replies = [
      made,
      await platform.call("POST", "/api/projects/vars/env", body, { headers }),
      await variable({ key: "SECRET", value: canary, targets: ["production"] }),
      await platform.call("PATCH", path, { value: `${canary}2`, targets: ["production", "preview"] }),
      await platform.call("PATCH", path, { sensitive: false, value: canary }),
      await get("/api/projects/vars/env"),
      await get("/api/projects/vars/env/pull?target=production"),
      await get(`/api/teams/${team}/audit?limit=100`),
      await get(`/api/teams/${team}/audit?format=csv`),
      await get(`/api/teams/${team}/audit?format=ndjson`),
    ];
    expect(replies.slice(0, 5).map((one) => one.status)).toEqual([201, 201, 409, 200, 400]);
    expect(JSON.stringify(replies.map((one) => one.body))).not.toContain(canary);
    expect(replies[6]?.body).toEqual({ env: {}, sensitive: ["SECRET"] });
    const { results: tables } = await platform.db
      .prepare("select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'")
      .all<{ name: string }>();
    expect(tables.length).toBeGreaterThan(10);
    for (const { name } of tables) {
      const { results } = await platform.db.prepare(`select * from "${name}"`).all();
      expect([name, JSON.stringify(results).includes(canary)]).toEqual([name, false]);
    }
  });

  test("what was made sensitive stays so, whatever changes at the same time", async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = (await variable({ key: `RACE_${round}` })).body;
      const change = (body: object) => platform.call("PATCH", `/api/projects/vars/env/${id}`, body);
      const [hidden] = await Promise.all([
        change({ sensitive: true }),
        change({ value: "a" }),
        change({ targets: ["preview", "staging"] }),
      ]);
      if (hidden?.status !== 200) continue;
      await change({ value: "b" });
      const { body } = await get("/api/projects/vars/env?limit=100");
      expect(body.data.find((one: { id: string }) => one.id === id)).toMatchObject({
        sensitive: true,
        value: null,
      });
    }
  });

  test("a key stands once for a target and branch, also when many add it at once", async () => {
    const same = await Promise.all(Array.from({ length: 6 }, () => variable({ key: "ONCE" })));
    expect(codes(same)).toEqual([201, ...Array(5).fill("name_taken")].sort());
    expect((await variable({ key: "ONCE", branch: "next" })).status).toBe(201);
    expect((await variable({ key: "ONCE", targets: ["staging"] })).status).toBe(201);
    const twice = await variable({ key: "ONCE", targets: ["production", "staging"] });
    expect(twice.body).toMatchObject({ code: "name_taken", fix: expect.stringContaining("env rm") });
    const pulled = async (query: string) => (await get(`/api/projects/vars/env/pull?${query}`)).body.env.ONCE;
    await platform.call(
      "PATCH",
      `/api/projects/vars/env/${(await get("/api/projects/vars/env?branch=next")).body.data[0].id}`,
      { value: "of next" },
    );
    expect(await pulled("target=preview")).toBe("v");
    expect(await pulled("target=preview&branch=next")).toBe("of next");
    expect(await pulled("target=production")).toBeUndefined();
  });

  test.each([
    ["the platform's own", { key: "CLOUDIFY_URL" }, 400, "invalid_input"],
    ["a name that no shell takes", { key: "A-B" }, 400, "invalid_input"],
    ["of a branch, for production", { branch: "x", targets: ["production"] }, 400, "invalid_input"],
    ["for nothing", { targets: [] }, 400, "invalid_input"],
    ["too large for one", { value: "x".repeat(65_537) }, 400, "invalid_input"],
    ["too large in UTF-8", { key: "BIG", value: "é".repeat(40_000) }, 413, "too_large"],
  ])("one that is %s is refused, with what to do", async (_, more, status, code) => {
    const answer = await variable(more);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.fix).toBeTruthy();
  });

  test("variables that only together are too large are refused where they are added", async () => {
    await post("/api/projects", { name: "large" });
    const add = (key: string, targets: string[]) =>
      post("/api/projects/large/env", { key, value: "x".repeat(30_000), targets });
    expect((await add("A", ["production"])).status).toBe(201);
    expect((await add("B", ["production", "preview"])).status).toBe(201);
    expect((await add("C", ["preview"])).status).toBe(201);
    const third = await add("D", ["staging", "production"]);
    expect([third.status, third.body.code]).toEqual([413, "too_large"]);
    expect(third.body.detail).toContain("production");
  });

  test("another team can neither read nor change them", async () => {
    const { id } = (await variable({ key: "MINE" })).body;
    const as = (method: string, path: string, body?: unknown) =>
      platform.call(method, `/api/projects/vars${path}`, body, { token: stranger });
    const answers = [
      await as("GET", "/env"),
      await as("GET", "/env/pull"),
      await as("POST", "/env", { key: "X", value: "x", targets: ["preview"] }),
      await as("PATCH", `/env/${id}`, { value: "x" }),
      await as("DELETE", `/env/${id}`),
    ];
    expect(codes(answers)).toEqual(Array(5).fill("not_found"));
    await post("/api/projects", { name: "vars" }, stranger);
    expect((await as("DELETE", `/env/${id}`)).body.code).toBe("not_found");
  });

  test("data keys are sealed again when the key-encryption key changes, and open what they sealed", async () => {
    const old: KeyRing = { current: "k1", keys: { k1: new Uint8Array(randomBytes(32)) } };
    const both: KeyRing = { current: "k2", keys: { ...old.keys, k2: new Uint8Array(randomBytes(32)) } };
    // Rows that the API made are under a key that only it has.
    const { results } = await platform.db.prepare("select * from data_keys").all<Record<string, string>>();
    await platform.db.prepare("delete from data_keys").run();
    const before = await dataKeyOf(base(old), "team_rotated");
    const [first, second] = [await rotateDataKeys(base(both)), await rotateDataKeys(base(both))];
    expect([first, second]).toEqual([{ resealed: 1 }, { resealed: 0 }]);
    const onlyNew: KeyRing = { current: "k2", keys: { k2: both.keys.k2 ?? new Uint8Array() } };
    expect(await dataKeyOf(base(onlyNew), "team_rotated")).toEqual(before);
    await expect(dataKeyOf(base(old), "team_rotated")).rejects.toThrow();
    await platform.db.prepare("delete from data_keys").run();
    for (const row of results) {
      await platform.db
        .prepare("insert into data_keys (team_id, kek_id, sealed, created_at) values (?, ?, ?, ?)")
        .bind(row.team_id, row.kek_id, row.sealed, row.created_at)
        .run();
    }
  });
});

describe("the audit trail", () => {
  const verify = async () => (await get(`/api/teams/${team}/audit/verify`)).body;

  test.each([1, 2, 3, 4])(
    "a sealer that is overtaken after its step %i does not fork the chain",
    async (step) => {
      await sealTeam(base(), team);
      for (let i = 0; i < 3; i++) await post("/api/tokens", { name: `slow-${i}` });
      let steps = 0;
      // Only once: a second time would put right what the first one broke.
      const overtaking = async () => {
        if (++steps !== step) return;
        await sealTeam(base(), team);
        await post("/api/tokens", { name: "fast" });
      };
      await sealTeam({ ...base(), db: drizzle(interrupted(platform.db, overtaking)) }, team);
      await sealTeam(base(), team);
      expect(await verify()).toMatchObject({ ok: true, brokenAt: null, unsealed: 0 });
    },
  );

  test("writers and sealers at once make one chain without gaps", async () => {
    const write = async (writer: number) => {
      for (let i = 0; i < 6; i++) await post("/api/tokens", { name: `w${writer}-${i}` });
    };
    const sealing = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 12; i++) await sealTeam(base(), team);
    });
    await Promise.all([...Array.from({ length: 5 }, (_, writer) => write(writer)), ...sealing]);
    await sealTeam(base(), team);
    const total = await count("audit_entries", "team_id = ?", team);
    expect(await verify()).toEqual({ ok: true, sealed: total, unsealed: 0, brokenAt: null });
    await post("/api/tokens", { name: "tail" });
    expect(await verify()).toMatchObject({ ok: true, sealed: total, unsealed: 1 });
  });

  test("exports hold the sealed trail, oldest first, and what a filter leaves of it", async () => {
    await post("/api/tokens", { name: '=HYPERLINK("http://evil")' });
    const lines = (await get(`/api/teams/acme/audit?format=ndjson`)).body.trim().split("\n");
    const rows = lines.map((line: string) => JSON.parse(line));
    expect(rows.map((row: { seq: number }) => row.seq)).toEqual(rows.map((_: unknown, i: number) => i + 1));
    for (const row of rows) expect(row.hash).toMatch(/^[0-9a-f]{64}$/);
    const csv = await get(`/api/teams/${team}/audit?format=csv&action=token.create`);
    expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(csv.headers.get("content-disposition")).toContain("attachment");
    const created = rows.filter((row: { action: string }) => row.action === "token.create");
    expect(csv.body.trim().split("\r\n")).toHaveLength(created.length + 1);
    const from = rows.at(-3).at;
    const late = await get(`/api/teams/${team}/audit?limit=100&from=${from}`);
    for (const entry of late.body.data) expect(entry.at).toBeGreaterThanOrEqual(from);
    const nobody = await get(`/api/teams/${team}/audit?actor=tok_nobody`);
    expect(nobody.body).toEqual({ data: [], next: null });
    expect((await get(`/api/teams/${team}/audit?cursor=${btoa("prj_x")}`)).body.code).toBe("invalid_input");
    const theirs = await platform.call("GET", `/api/teams/${team}/audit`, undefined, { token: stranger });
    expect(theirs.status).toBe(404);
  });

  test("an entry that was changed, taken away, or lost its seal is found", async () => {
    await sealTeam(base(), team);
    const row = await platform.db
      .prepare("select * from audit_entries where team_id = ? and seq = 5")
      .bind(team)
      .first<Record<string, string>>();
    const change = (sets: string) =>
      platform.db.prepare(`update audit_entries set ${sets} where team_id = ? and seq = 5`).bind(team).run();
    const restore = () =>
      platform.db
        .prepare("update audit_entries set target = ?, hash = ?, prev_hash = ?, seq = 5 where entry_id = ?")
        .bind(row?.target, row?.hash, row?.prev_hash, row?.entry_id)
        .run();
    for (const [sets, brokenAt] of [
      ["target = 'other'", 5],
      ["hash = null", 5],
      ["prev_hash = hash", 5],
      ["seq = -5", 6],
    ] as const) {
      await change(sets);
      expect([sets, await verify()]).toEqual([sets, expect.objectContaining({ ok: false, brokenAt })]);
      await restore();
    }
    expect(await verify()).toMatchObject({ ok: true, brokenAt: null });
  });
});
