/** The API's own app, on a real D1: only its clock and its chance are the test's. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { expect, test } from "vitest";
import { sha256 } from "#core/encoding.ts";
import { SECOND } from "#core/time.ts";
import { unsealedTeams } from "#features/audit/seal.ts";
import { createApp } from "../../workers/api/app.ts";

const keys = JSON.stringify({ current: "a", keys: { a: btoa("k".repeat(32)) } });
const bindings = {
  ...env,
  KEY_ENCRYPTION_KEYS: keys,
  EDGE_KEYS: keys,
  DEPLOY_DOMAIN: "localhost",
  PUBLIC_ORIGIN: "http://localhost:8787",
};

let now = 0;
let drawn = 0;
const app = createApp({
  clock: { now: () => now },
  random: { bytes: (length) => new Uint8Array(length).fill(drawn++) },
});

async function call(method: string, path: string, token: string, body?: object) {
  const ctx = createExecutionContext();
  const init = {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  };
  const response = await app.fetch(new Request(`http://localhost${path}`, init), bindings, ctx);
  await waitOnExecutionContext(ctx);
  return { response, body: (await response.json()) as Record<string, never> };
}

async function newToken(slug: string, expiresAt: number | null): Promise<string> {
  const token = `cfy_${slug}`;
  await env.DB.batch([
    env.DB.prepare("insert into teams (id, slug, name, created_at) values (?1, ?1, ?1, 0)").bind(slug),
    env.DB.prepare(
      "insert into tokens (id, team_id, name, hash, role, expires_at, created_at) values (?1, ?1, 'x', ?2, 'owner', ?3, 0)",
    ).bind(slug, await sha256(token), expiresAt),
  ]);
  return token;
}

test("a token ends at its moment, by the clock that was handed in", async () => {
  const token = await newToken("short", 5 * SECOND);
  now = 5 * SECOND - 1;
  expect((await call("GET", "/api/me", token)).response.status).toBe(200);
  now = 5 * SECOND;
  expect((await call("GET", "/api/me", token)).body).toMatchObject({ code: "token_expired" });
});

test("ids and times of what is made, and of the answer, come from what was handed in", async () => {
  const token = await newToken("maker", null);
  now = 0;
  drawn = 0;
  const { response, body } = await call("POST", "/api/projects", token, { name: "one" });
  expect(response.status).toBe(201);
  expect(body).toMatchObject({ id: expect.stringMatching(/^prj_0000000000/), createdAt: 0 });
  expect(response.headers.get("x-request-id")).toBe(`req_${"0".repeat(26)}`);
  expect(response.headers.get("date")).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
});

test("the cron finds what is unsealed in an index of its own, not by reading the trail", async () => {
  const { sql, params } = unsealedTeams(drizzle(env.DB)).toSQL();
  const plan = await env.DB.prepare(`explain query plan ${sql}`)
    .bind(...params)
    .all<{ detail: string }>();
  expect(plan.results.map(({ detail }) => detail)).toEqual([
    "SCAN audit_entries USING INDEX audit_entries_unsealed",
  ]);
});

test("a page takes as many projects and functions as its limit allows", async () => {
  const token = await newToken("many", null);
  for (now = 1_000; now < 1_101; now++) {
    const made = await call("POST", "/api/projects", token, { name: `p${now}` });
    expect(made.response.status).toBe(201);
  }
  expect((await call("GET", "/api/projects?limit=100", token)).body.data).toHaveLength(100);
  await env.DB.prepare("update projects set kind = 'function' where team_id = 'many'").run();
  expect((await call("GET", "/api/functions?limit=100", token)).response.status).toBe(200);
});
