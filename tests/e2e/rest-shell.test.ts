import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SCOPES } from "#core/contract.ts";
import { type Answer, sha256, startPlatform, type TestPlatform } from "#tests/deployments/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

interface Operation {
  method: string;
  /** With something in place of each parameter. */
  path: string;
  scope: string | null;
}

async function operations(): Promise<Operation[]> {
  const { body } = await platform.call("GET", "/api/openapi.json");
  return Object.entries(body.paths as Record<string, Record<string, Record<string, unknown>>>).flatMap(
    ([path, item]) =>
      Object.entries(item).map(([method, described]) => ({
        method: method.toUpperCase(),
        path: path.replace(/\{\w+\}/g, "x"),
        scope: described["x-cloudify-scope"] as string | null,
      })),
  );
}

const without = { headers: { authorization: "" } };
const token = (body: object): Promise<Answer> => platform.call("POST", "/api/tokens", { name: "t", ...body });

describe("who may", () => {
  test("no operation is done, nor its input read, without a token that is known", async () => {
    for (const { method, path, scope } of await operations()) {
      const body = method === "GET" ? undefined : "{";
      for (const more of [without, { token: "cfy_unknown" }, { headers: { authorization: "Basic x" } }]) {
        const answer = await platform.call(method, path, body, more);
        if (scope === null) expect(answer.status).toBe(200);
        else expect([path, answer.status, answer.body.code]).toEqual([path, 401, "unauthenticated"]);
      }
    }
  });

  test("nor with a token that lacks its scope, and the answer names the scope", async () => {
    const narrow = (await token({ role: "owner", scopes: ["projects:read"] })).body.token;
    for (const { method, path, scope } of await operations()) {
      if (scope === null || scope === "any" || scope === "projects:read") continue;
      const answer = await platform.call(method, path, method === "GET" ? undefined : "{", { token: narrow });
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, "forbidden"]);
      expect(answer.body.detail).toContain(scope);
    }
    expect(new Set((await operations()).map((one) => one.scope))).toEqual(new Set([null, "any", ...SCOPES]));
  });

  test("a token may ask who it is, whatever else it may do", async () => {
    for (const scope of SCOPES) {
      const { id, token: secret } = (await token({ role: "owner", scopes: [scope] })).body;
      const answer = await platform.call("GET", "/api/me", undefined, { token: secret });
      expect([answer.status, answer.body.token?.id]).toEqual([200, id]);
      expect(answer.body.token.scopes).toEqual([scope]);
    }
  });

  test("an expired and a revoked token are told apart, and from one that nobody knows", async () => {
    const code = async (secret: string) =>
      (await platform.call("GET", "/api/me", undefined, { token: secret })).body;
    const short = (await token({ expiresAt: Date.now() + 60_000 })).body;
    expect((await code(short.token)).token.id).toBe(short.id);
    await platform.db.prepare("update tokens set expires_at = 1 where id = ?").bind(short.id).run();
    expect((await code(short.token)).code).toBe("token_expired");
    const gone = (await token({})).body;
    expect((await platform.call("DELETE", `/api/tokens/${gone.id}`)).body.revokedAt).toBeGreaterThan(0);
    expect((await code(gone.token)).code).toBe("token_revoked");
    expect((await platform.call("DELETE", `/api/tokens/${gone.id}`)).body.code).toBe("conflict");
  });

  test("no secret is stored, and a token's last use is", async () => {
    const { id, token: secret } = (await token({})).body;
    await platform.call("GET", "/api/me", undefined, { token: secret });
    const row = () => platform.db.prepare("select * from tokens where id = ?").bind(id).first();
    await expect.poll(async () => (await row())?.last_used_at).toBeGreaterThan(0);
    expect((await row())?.hash).toBe(sha256(secret));
    expect(JSON.stringify(await row())).not.toContain(secret);
  });
});

describe("what is asked", () => {
  test("a path that is not there and a method that it does not take are told apart, with or without a token", async () => {
    for (const more of [{}, without]) {
      expect(await platform.call("GET", "/api/nothing", undefined, more)).toMatchObject({
        status: 404,
        body: { code: "not_found" },
      });
      const wrong = await platform.call("PUT", "/api/projects/x", "{}", more);
      expect([wrong.status, wrong.body.code]).toEqual([405, "method_not_allowed"]);
      expect(wrong.headers.get("allow")?.split(", ").sort()).toEqual(["DELETE", "GET", "HEAD", "PATCH"]);
    }
  });

  test.each([
    ["no JSON", "{", "application/json", 400, "invalid_json"],
    ["a form", "name=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type"],
    ["something unnamed", "{}", "", 415, "unsupported_media_type"],
    ["nothing", undefined, "application/json", 400, "invalid_json"],
    ["a field that nobody knows", '{"name":"x","nmae":"y"}', "application/json", 400, "invalid_input"],
    [
      "a setting that nobody knows",
      '{"name":"x","settings":{"x":1}}',
      "application/json",
      400,
      "invalid_input",
    ],
    ["a list", "[]", "application/json", 400, "invalid_input"],
    ["a wrong type", '{"name":1}', "application/json; charset=utf-8", 400, "invalid_input"],
  ])("a body that is %s is refused, with what to do", async (_, body, type, status, code) => {
    const answer = await platform.call("POST", "/api/projects", body, { headers: { "content-type": type } });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body.fix).toBeTruthy();
    expect(answer.body.requestId).toBe(answer.headers.get("x-request-id"));
    if (code === "invalid_input") expect(answer.body.issues[0].message).toBeTruthy();
  });

  test("a JSON body without an end is cut off; one that names its size is refused for it", async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(32);
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        if (sent++ < 200) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: endless, duplex: "half" } as RequestInit;
    // A server that answers and hangs up while the client still sends is seen as either.
    const cut = await platform.fetch("/api/projects", init).then(
      (response) => response.status,
      () => "hung up",
    );
    expect([413, "hung up"]).toContain(cut);
    const large = await platform.call("POST", "/api/projects", " ".repeat(17 * 1024 * 1024), { headers });
    expect([large.status, large.body.code]).toEqual([413, "too_large"]);
  });

  test("who is refused before their body was read sees why", async () => {
    const body = new Uint8Array(9 * 1024 * 1024);
    for (let i = 0; i < 10; i++) {
      const answer = await platform.call("PUT", `/api/blobs/${"0".repeat(64)}`, body, {
        token: "cfy_unknown",
      });
      expect([answer.status, answer.body.code]).toEqual([401, "unauthenticated"]);
      const nowhere = await platform.call("PUT", "/api/nowhere", body);
      expect([nowhere.status, nowhere.body.code]).toEqual([404, "not_found"]);
    }
  });

  test("a body that may be left out may be left out", async () => {
    const answer = await platform.call("POST", "/api/deployments/x/promote");
    expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
  });

  test("every reply names its request, and is nobody's page, frame or cached copy", async () => {
    for (const path of ["/api/health", "/api/nothing", "/api/me", "/api/openapi.json", "/api/docs"]) {
      const { headers } = await platform.call("GET", path, undefined, without);
      expect(headers.get("x-request-id")).toMatch(/^req_[0-9a-z]{26}$/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
      expect(headers.has("access-control-allow-origin")).toBe(false);
    }
    expect(
      (await platform.call("GET", "/api/me", undefined, without)).headers.get("www-authenticate"),
    ).toContain("Bearer");
  });
});

describe("asked twice", () => {
  const post = (path: string, body: unknown, key: string, secret?: string) =>
    platform.call("POST", path, body, {
      headers: { "idempotency-key": key },
      ...(secret === undefined ? {} : { token: secret }),
    });

  test("the same request answers the same; another one with its key is refused", async () => {
    const first = await post("/api/tokens", { name: "once" }, "k1");
    const again = await post("/api/tokens", { name: "once" }, "k1");
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    for (const [path, body] of [
      ["/api/tokens", { name: "twice" }],
      ["/api/projects", { name: "once" }],
    ] as const) {
      expect((await post(path, body, "k1")).body.code).toBe("idempotency_mismatch");
    }
  });

  test("what is kept of a request and its answer can't be read where it lies", async () => {
    await platform.call("POST", "/api/projects", { name: "kept" });
    const made = await post("/api/tokens", { name: "sealed" }, "k2");
    const variable = { key: "GUESS", value: "1234", targets: ["preview"], sensitive: true };
    await post("/api/projects/kept/env", variable, "k3");
    const { results } = await platform.db.prepare("select * from idempotency").all();
    expect(JSON.stringify(results)).not.toContain(made.body.token);
    const guess = sha256(`POST /api/projects/kept/env\n${JSON.stringify(variable)}`);
    expect(JSON.stringify(results)).not.toContain(guess);
  });

  test("another token's key is another key: it is never answered with what it could not make", async () => {
    const made = await post("/api/tokens", { name: "mine", role: "owner" }, "k4");
    const lesser = (await token({ role: "admin" })).body.token;
    const answer = await post("/api/tokens", { name: "mine", role: "owner" }, "k4", lesser);
    expect(answer.body.code).toBe("forbidden");
    expect(JSON.stringify(answer.body)).not.toContain(made.body.token);
  });

  test("of many at once one acts; the others are told to come again", async () => {
    const all = await Promise.all(
      Array.from({ length: 12 }, () => post("/api/projects", { name: "raced" }, "k5")),
    );
    const made = all.filter((one) => one.status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made.map((one) => one.body.id)).size).toBe(1);
    for (const one of all.filter((other) => other.status !== 201)) {
      expect([one.status, one.body.code]).toEqual([409, "idempotency_in_progress"]);
      expect(one.headers.get("retry-after")).toBe("1");
    }
  });

  test("an answer that may be another one in a moment is not kept", async () => {
    expect((await post("/api/projects/late/env", {}, "k6")).body.code).toBe("invalid_input");
    const variable = { key: "A", value: "1", targets: ["preview"] };
    expect((await post("/api/projects/late/env", variable, "k6")).body.code).toBe("not_found");
    await platform.call("POST", "/api/projects", { name: "late" });
    expect((await post("/api/projects/late/env", variable, "k6")).status).toBe(201);
    expect((await post("/api/projects", { name: "late" }, "k7")).body.code).toBe("name_taken");
    await platform.call("DELETE", "/api/projects/late");
    expect((await post("/api/projects", { name: "late" }, "k7")).status).toBe(201);
    expect(
      (await post("/api/projects", { name: "x", settings: { protection: "sso" } }, "k8")).body.code,
    ).toBe("not_yet");
    const again = await post("/api/projects", { name: "x", settings: { protection: "sso" } }, "k8");
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  });

  test("a request that was cut off bars its key for two minutes, not for good", async () => {
    expect((await post("/api/projects", { name: "cut-off" }, "k9")).status).toBe(201);
    const answered = "update idempotency set status = null, created_at = ? where key like '% k9'";
    await platform.db
      .prepare(answered)
      .bind(Date.now() - 60_000)
      .run();
    expect((await post("/api/projects", { name: "cut-off" }, "k9")).body.code).toBe(
      "idempotency_in_progress",
    );
    await platform.db
      .prepare(answered)
      .bind(Date.now() - 121_000)
      .run();
    expect((await post("/api/projects", { name: "cut-off" }, "k9")).body.code).toBe("name_taken");
  });

  test("a key that is none is refused", async () => {
    const answer = await post("/api/projects", { name: "odd" }, "k".repeat(256));
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_input"]);
  });
});

test("the reference page holds every operation, and neither runs nor loads anything", async () => {
  const page = await platform.call("GET", "/api/docs", undefined, without);
  const { body: document } = await platform.call("GET", "/api/openapi.json", undefined, without);
  expect(document.openapi).toBe("3.1.0");
  for (const [path, item] of Object.entries(
    document.paths as Record<string, Record<string, { operationId: string }>>,
  )) {
    for (const { operationId } of Object.values(item)) expect(page.body).toContain(`id="${operationId}"`);
    expect(page.body).toContain(path);
  }
  expect(page.body).not.toMatch(/<script|src=|@import|url\(/i);
  expect((await platform.fetch("/", { redirect: "manual" })).headers.get("location")).toBe("/api/docs");
});
