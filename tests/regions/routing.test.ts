import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import type { IngressFault } from "@cloudify/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TestEdge } from "#tests/support/edge.ts";
import { get } from "#tests/support/http.ts";
import { until } from "#tests/support/platform.ts";
import { socketTo } from "#tests/support/socket.ts";
import { at, type Said, World } from "./world.ts";

const edge = new TestEdge();
beforeAll(() => edge.start());
afterAll(() => edge.remove());

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((one) => one.stop()));
});

/** Each test has regions of its own: what is learnt of one must not tell on another's. */
async function world(more: Parameters<World["start"]>[0] = {}): Promise<World> {
  const made = new World(edge, `w${randomBytes(4).toString("hex")}`);
  worlds.push(made);
  return made.start(more);
}

// Node's client gives a body no length with every method.
const POST = { method: "POST", body: "an order", headers: { "content-length": "8" } };

describe("where a request lands", () => {
  test.each([
    ["Berlin", 52.52, 13.405, "fra"],
    ["London", 51.507, -0.128, "fra"],
    ["Lagos", 6.524, 3.379, "fra"],
    ["Cairo", 30.044, 31.236, "fra"],
    ["New York", 40.713, -74.006, "iad"],
    ["San Francisco", 37.775, -122.419, "iad"],
    ["São Paulo", -23.55, -46.633, "iad"],
    ["Mexico City", 19.433, -99.133, "iad"],
    ["Tokyo", 35.677, 139.65, "sin"],
    ["Sydney", -33.869, 151.209, "sin"],
    ["Mumbai", 19.076, 72.878, "sin"],
    ["Jakarta", -6.208, 106.846, "sin"],
  ])("%s is served where a map says", async (_, latitude, longitude, region) => {
    const { site } = await shared();
    const found = await get(`${site}/api/echo`, { headers: at({ latitude, longitude }) });
    expect(found.status).toBe(200);
    expect((await found.json()) as Said).toMatchObject({ region });
    expect(found.headers.get("x-cloudify-region")).toBe(region);
    expect(found.headers.get("x-vercel-id")).toMatch(new RegExp(`^${region}::req_`));
  });

  test("without a place, in the failover order", async () => {
    const one = await world();
    const site = await edge.putSite({
      name: `order-${one.id("fra")}`,
      functions: { "api/echo": { group: "g0", maxDuration: 10 } },
      regions: [one.id("sin"), one.id("fra")],
    });
    expect((await get(`${site}/api/echo`)).headers.get("x-cloudify-region")).toBe("sin");
  });

  test("only in regions that the deployment has", async () => {
    const one = await world();
    const site = await edge.putSite({
      name: `only-${one.id("fra")}`,
      functions: { "api/echo": { group: "g0", maxDuration: 10 } },
      regions: [one.id("iad")],
    });
    const found = await get(`${site}/api/echo`, { headers: at({ latitude: 52.52, longitude: 13.405 }) });
    expect(found.headers.get("x-cloudify-region")).toBe("iad");
  });

  test.each(["ready", "releasing"])(
    "only there, too, when KV does not show the deployment yet and it is %s",
    async (status) => {
      const one = await world();
      const site = await edge.putSite(
        {
          name: `late-${status}-${one.id("fra")}`,
          functions: {
            "api/echo": { group: "g0", maxDuration: 10 },
            "api/pinned": { group: "g1", maxDuration: 10 },
          },
        },
        { status, running: { regions: [one.id("iad"), one.id("sin")], pinned: { g1: [one.id("sin")] } } },
      );
      const headers = at({ latitude: 52.52, longitude: 13.405 });
      const regionOf = async (path: string) =>
        (await get(`${site}${path}`, { headers })).headers.get("x-cloudify-region");
      expect([await regionOf("/api/echo"), await regionOf("/api/pinned")]).toEqual(["iad", "sin"]);
      expect(await one.fra.heard()).toEqual([]);
    },
  );

  test("nowhere, when nobody knows where it runs: another region may be another team's", async () => {
    const one = await world();
    const site = await edge.putSite(
      { name: `nowhere-${one.id("fra")}`, functions: { "api/echo": { group: "g0", maxDuration: 10 } } },
      { status: "ready", running: null },
    );
    const found = await get(`${site}/api/echo`, { headers: { cookie: "session=abc" } });
    expect([found.status, found.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await found.json()).toMatchObject({ code: "unavailable" });
    for (const region of [one.fra, one.iad, one.sin]) expect(await region.heard()).toEqual([]);
  });

  test("not in a region that was removed, though the router knew it before", async () => {
    const one = await world();
    expect(await one.regionOf()).toBe("fra");
    await edge.putRegion(one.id("fra"), { key: "", ingress: one.fra.origin, isRemoved: true });
    await until(async () => (await one.regionOf()) === "iad");
    await one.fra.heard();
    for (let i = 0; i < 5; i++) expect(await one.regionOf()).toBe("iad");
    expect(await one.fra.heard()).toEqual([]);
  });

  test("elsewhere, when the nearest region's key was sealed with an edge key that is no more", async () => {
    const one = await world();
    await edge.putRegion(one.id("fra"), {
      key: "",
      name: "fra",
      ingress: one.fra.origin,
      ingressKey: "gone.AAAA",
    });
    for (const ask of [{}, POST]) expect(await one.regionOf("/api/echo", ask)).toBe("iad");
    expect(await one.fra.heard()).toEqual([]);
  });

  test("where it was, if the project's policy asks for that and the region still takes requests", async () => {
    const one = await world();
    await edge.putPolicy({ affinity: "region" });
    const tokyo = at({ latitude: 35.677, longitude: 139.65 });
    await until(async () =>
      /__cloudify_region=sin;/.test(
        String((await one.ask("/api/echo", { headers: tokyo })).headers.getSetCookie()),
      ),
    );
    const cookie = { cookie: "__cloudify_region=sin" };
    const found = await one.ask("/api/echo", { headers: cookie });
    expect(found.headers.get("x-cloudify-region")).toBe("sin");
    expect(String(found.headers.getSetCookie())).not.toContain("__cloudify_region");
    await one.sin.kill();
    const moved = await one.ask("/api/echo", { headers: cookie });
    expect(moved.headers.get("x-cloudify-region")).toBe("fra");
    expect(String(moved.headers.getSetCookie())).toContain("__cloudify_region=fra;");
    await edge.putPolicy({});
    await until(
      async () => !String((await one.ask("/api/echo")).headers.getSetCookie()).includes("__cloudify"),
    );
  });

  test("in a failover region only when no other answers, in their order, and no longer than that", async () => {
    const one = await world();
    const site = await edge.putSite({
      name: `failover-${one.id("fra")}`,
      functions: { "api/echo": { group: "g0", maxDuration: 10 } },
      regions: [one.id("fra"), one.id("sin"), one.id("iad")],
      failover: { g0: [one.id("sin"), one.id("iad")] },
    });
    const newYork = at({ latitude: 40.713, longitude: -74.006 });
    const stayed = { ...newYork, cookie: "__cloudify_region=iad" };
    const ask = (headers: Record<string, string>) => get(`${site}/api/echo`, { headers });
    const regionOf = async (headers = newYork) => (await ask(headers)).headers.get("x-cloudify-region");
    const isKept = async () => String((await ask(newYork)).headers.getSetCookie()).includes("__cloudify");
    expect(await regionOf()).toBe("fra");
    await edge.putPolicy({ affinity: "region" });
    await until(isKept);
    expect(await regionOf(stayed)).toBe("fra");
    await one.fra.kill();
    expect([await regionOf(), await regionOf(stayed)]).toEqual(["sin", "iad"]);
    await one.sin.kill();
    expect(await regionOf()).toBe("iad");
    await one.fra.start();
    await until(async () => (await regionOf(stayed)) === "fra");
    await edge.putPolicy({});
    await until(async () => !(await isKept()));
  });

  test("through routes: a rewrite to a function, and what nothing else answers", async () => {
    const { site } = await world({
      functions: {
        "users/[id]": { group: "g1", maxDuration: 5 },
        everything: { group: "g0", maxDuration: 5 },
      },
      routes: [
        { handle: "rewrite" },
        { src: "^/users/(?<id>[^/]+)$", dest: "/users/[id]?id=$id", check: true },
        { handle: "resource" },
        { src: "^/(?!gone)(.*)$", dest: "/everything", check: true },
      ],
    });
    const user = (await (await get(`${site}/users/7?a=1`)).json()) as Said;
    expect(user).toMatchObject({ function: "users/[id]", path: "/users/7?a=1&id=7" });
    const other = (await (await get(`${site}/some/thing`)).json()) as Said;
    expect(other).toMatchObject({ function: "everything", path: "/some/thing" });
    expect((await get(`${site}/gone`)).status).toBe(404);
  });
});

let kept: Promise<World> | null = null;
const shared = (): Promise<World> => {
  kept ??= new World(edge, "shared").start();
  return kept;
};
afterAll(async () => (await kept)?.stop());

describe("what is told", () => {
  test("the ingress: key, function, time limit; the function: who asks, and nothing that a visitor made up", async () => {
    const one = await world();
    const lies = {
      "x-cloudify-ingress-key": "stolen",
      "x-cloudify-function": "admin",
      "x-vercel-id": "fake",
      "x-forwarded-for": "1.2.3.4",
      forwarded: "for=1.2.3.4",
    };
    const found = await one.ask("/api/echo?q=%2F", {
      ...POST,
      headers: { ...POST.headers, ...lies, "x-mine": "yes", te: "trailers" },
    });
    const { headers, ...said } = (await found.json()) as Said;
    expect(said).toMatchObject({
      method: "POST",
      path: "/api/echo?q=%2F",
      bodyBytes: 8,
      function: "api/echo",
    });
    expect(headers).toMatchObject({
      "x-cloudify-ingress-key": one.fra.key,
      "x-cloudify-timeout-ms": "10000",
      "x-forwarded-for": "127.0.0.1",
      "x-real-ip": "127.0.0.1",
      "x-forwarded-host": new URL(one.site).host,
      "x-forwarded-proto": "http",
      "x-matched-path": "/api/echo",
      "x-vercel-deployment-url": new URL(one.site).hostname,
      "x-vercel-ip-latitude": "52.52",
      "x-vercel-id": expect.stringMatching(/^fra::req_/),
      "x-mine": "yes",
      "content-length": "8",
    });
    expect(headers).not.toHaveProperty("forwarded");
    expect(headers).not.toHaveProperty("te");
  });

  test("the visitor: what the function said, and nothing of the platform's own", async () => {
    const one = await world();
    const found = await one.ask("/api/echo?cold&status=418");
    expect(found.status).toBe(418);
    expect(found.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    const names = [...found.headers.keys()].filter((name) => name.startsWith("x-cloudify-"));
    expect(names.sort()).toEqual(["x-cloudify-deployment", "x-cloudify-id", "x-cloudify-region"]);
    expect(JSON.stringify([...found.headers])).not.toContain(one.fra.key);
  });

  test("the deployment's log: where it ran, how cold that was, and which regions were asked before", async () => {
    const one = await world();
    await one.fra.behave("starting");
    const id = (await one.ask("/api/echo?cold&secret=1")).headers.get("x-cloudify-id");
    const lines = await until(async () => {
      const all = await edge.log(new URL(one.site).hostname.split(".")[0] ?? "");
      return all.length > 0 && all;
    });
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^GET /api/echo 200 in \\d+ ms, cold 123 ms, region iad after fra \\(starting\\), request ${id}$`,
        ),
      ),
    ]);
  });
});

describe("a region that does not answer", () => {
  test.each(["absent", "starting", "draining", "unreachable"] satisfies IngressFault[])(
    "%s: the call never began there, so any method goes on with its whole body",
    async (fault) => {
      const one = await world();
      await one.fra.behave(fault);
      const body = "x".repeat(60_000);
      const said = (await (await one.ask("/api/echo", { method: "POST", body })).json()) as Said;
      expect(said).toMatchObject({ region: "iad", method: "POST", bodyBytes: 60_000 });
      // Asked a moment ago, it is not asked first again.
      await one.fra.heard();
      expect(await one.regionOf()).toBe("iad");
      expect(await one.fra.heard()).toEqual([]);
    },
  );

  test.each([200, 308, 404, 503] as const)(
    "%s that its proxy says by itself is not the function's answer: any method goes on",
    async (status) => {
      const one = await world();
      await one.fra.behave(status);
      for (const ask of [{}, POST]) {
        const found = await one.ask("/api/echo", ask);
        expect([found.status, ((await found.json()) as Said).region]).toEqual([200, "iad"]);
      }
    },
  );

  test("502 of its proxy: what may have begun is repeated only if that changes nothing, and no other function suffers", async () => {
    const one = await world({
      functions: {
        "api/echo": { group: "g0", maxDuration: 10 },
        "api/other": { group: "g1", maxDuration: 10 },
      },
    });
    await one.fra.behave(502);
    expect((await (await one.ask("/api/echo")).json()) as Said).toMatchObject({ region: "iad" });
    const post = await one.ask("/api/other", POST);
    expect(post.status).toBe(502);
    expect(await post.json()).toMatchObject({
      code: "upstream_failed",
      detail: expect.stringContaining("fra"),
    });
    // However often it happens, the region is not given up for it.
    for (let i = 0; i < 10; i++) await (await one.ask("/api/echo")).body?.cancel();
    await one.fra.behave("answer");
    await until(async () => (await one.regionOf("/api/other")) === "fra");
    expect(await one.regionOf("/api/other", POST)).toBe("fra");
  });

  test("a function's own 404, 502 and 503 are its answer", async () => {
    const one = await world();
    for (const status of [404, 502, 503, 521]) {
      const found = await one.ask(`/api/echo?status=${status}`);
      expect([found.status, ((await found.json()) as Said).region]).toEqual([status, "fra"]);
    }
    expect(await one.iad.heard()).toEqual([]);
  });

  test("what its proxy says of the request itself is told: it would be the same elsewhere", async () => {
    const one = await world();
    await one.fra.behave(413);
    expect((await one.ask("/api/echo", POST)).status).toBe(413);
    expect(await one.iad.heard()).toEqual([]);
  });

  test("a body that is too large to be kept is not sent twice: the visitor is told when to come again", async () => {
    const one = await world();
    await one.fra.behave("absent-behind-body");
    const found = await one.ask("/api/echo", { method: "POST", body: "x".repeat(5_000_000) });
    expect(found.status).toBe(503);
    expect(Number(found.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await found.json()).toMatchObject({ code: "unavailable", fix: expect.any(String) });
    expect(await one.iad.heard()).toEqual([]);
  });

  test("refuses connections: any method goes on", async () => {
    const one = await world();
    await one.fra.kill();
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      const found = await one.ask("/api/echo", method === "GET" ? {} : { ...POST, method });
      expect(found.status).toBe(200);
      expect((await found.json()) as Said).toMatchObject({
        region: "iad",
        method,
        bodyBytes: method === "GET" ? 0 : 8,
      });
    }
  });

  test.each(["reset", "reset-in-head"] as const)(
    "%s: what may have begun is repeated only if that changes nothing",
    async (manner) => {
      const one = await world();
      await one.fra.behave(manner);
      const found = await one.ask("/api/echo");
      expect((await found.json()) as Said).toMatchObject({ region: "iad" });
      expect((await (await one.ask("/api/echo", { ...POST, method: "PUT" })).json()) as Said).toMatchObject({
        region: "iad",
        bodyBytes: 8,
      });
      await one.iad.heard();
      const post = await one.ask("/api/echo", POST);
      expect(post.status).toBe(502);
      expect(await post.json()).toMatchObject({
        code: "upstream_failed",
        fix: expect.stringContaining("may have been"),
      });
      expect(await one.iad.heard()).toEqual([]);
    },
  );

  test("hangs: idempotent requests are answered by another within 8 s, and from then on at once", async () => {
    const one = await world();
    expect(await one.regionOf()).toBe("fra");
    one.fra.signal("SIGSTOP");
    const begun = Date.now();
    const stuck = await Promise.all(Array.from({ length: 10 }, () => one.ask("/api/echo")));
    expect(stuck.map((found) => [found.status, found.headers.get("x-cloudify-region")])).toEqual(
      stuck.map(() => [200, "iad"]),
    );
    expect(Date.now() - begun).toBeLessThan(8_000);
    const again = Date.now();
    expect(await one.regionOf()).toBe("iad");
    expect(Date.now() - again).toBeLessThan(1_000);
    one.fra.signal("SIGCONT");
    await until(async () => (await one.regionOf()) === "fra");
  });

  test.each([{ "content-length": "500000" }, { "transfer-encoding": "chunked" }])(
    "hangs: what is uploaded to it is answered by another, whole: %o",
    async (headers) => {
      const one = await world();
      one.fra.signal("SIGSTOP");
      const found = await one.ask("/api/echo", { method: "PUT", headers, body: "x".repeat(500_000) });
      expect((await found.json()) as Said).toMatchObject({ region: "iad", bodyBytes: 500_000 });
      one.fra.signal("SIGCONT");
    },
  );

  test("hangs: a POST is not repeated, and ends with its time limit", async () => {
    const one = await world({ functions: { "api/echo": { group: "g0", maxDuration: 1 } } });
    one.fra.signal("SIGSTOP");
    const found = await one.ask("/api/echo", POST);
    expect(found.status).toBe(504);
    expect(await found.json()).toMatchObject({ code: "deadline_exceeded" });
    expect(await one.iad.heard()).toEqual([]);
    one.fra.signal("SIGCONT");
  });

  test("is the last one: the visitor is told so, and what to do", async () => {
    const one = await world();
    await Promise.all([one.fra.kill(), one.iad.kill(), one.sin.kill()]);
    for (const ask of [{}, POST]) {
      const found = await one.ask("/api/echo", ask);
      expect(found.status).toBe(503);
      expect(found.headers.get("retry-after")).toBe("2");
      expect(found.headers.get("x-cloudify-region")).toBeNull();
      expect(await found.json()).toMatchObject({
        code: "unavailable",
        fix: expect.stringContaining("regions status"),
      });
    }
    // None is given up for good.
    await one.iad.start();
    expect(await one.regionOf()).toBe("iad");
  });

  test("after the first byte nothing is repeated", async () => {
    const one = await world();
    const found = await one.ask("/api/stream?pause=60000");
    const reader = found.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("fra begins\n");
    await one.fra.kill();
    await expect(reader?.read()).rejects.toThrow();
    expect(await one.iad.heard()).toEqual([]);
  });
});

describe("a body", () => {
  test.each([{ "content-length": "5000000" }, { "transfer-encoding": "chunked" }])(
    "of 5 MB arrives whole: %o",
    async (headers) => {
      const one = await world();
      const found = await one.ask("/api/echo", { method: "POST", body: "x".repeat(5_000_000), headers });
      expect((await found.json()) as Said).toMatchObject({ bodyBytes: 5_000_000, headers });
    },
  );

  test("that visitors break off is not held against the region", async () => {
    const one = await world();
    expect(await one.regionOf()).toBe("fra");
    for (let i = 0; i < 10; i++) {
      const socket = connect(edge.port, "127.0.0.1");
      const head = `POST /api/echo HTTP/1.1\r\nhost: ${new URL(one.site).host}\r\ncontent-length: 1000\r\n`;
      const [[place, value]] = Object.entries(at({ latitude: 52.52, longitude: 13.405 })) as [
        [string, string],
      ];
      socket.write(`${head}${place}: ${value}\r\n\r\nthe beginning`);
      await until(async () => (await one.fra.heard()).length > 0);
      socket.destroy();
    }
    await one.fra.heard();
    for (let i = 0; i < 5; i++) expect(await one.regionOf()).toBe("fra");
  });

  test("of an answer passes as the function has encoded it", async () => {
    const one = await world();
    const found = await one.ask("/api/echo?gzip", { headers: { "accept-encoding": "gzip" } });
    expect(found.headers.get("content-encoding")).toBe("gzip");
    expect(JSON.parse(gunzipSync(await found.bytes()).toString())).toMatchObject({ path: "/api/echo?gzip" });
  });
});

describe("what the function itself comes to is the answer", () => {
  test.each([
    ["crashed", 500, "function_failed"],
    ["threw", 500, "function_failed"],
    ["timeout", 504, "function_timeout"],
  ] as const)("%s", async (fault, status, code) => {
    const one = await world();
    await one.fra.behave(fault);
    const found = await one.ask("/api/echo");
    expect(found.status).toBe(status);
    expect(found.headers.get("x-cloudify-region")).toBe("fra");
    expect(await found.json()).toMatchObject({ code, fix: expect.stringContaining("cloudify logs") });
    expect(await one.iad.heard()).toEqual([]);
  });

  test("also when it takes longer than it may, and the ingress does not say so: the region is not blamed", async () => {
    const one = await world({ functions: { "api/echo": { group: "g0", maxDuration: 1 } } });
    const late = await Promise.all(Array.from({ length: 8 }, () => one.ask("/api/echo?ms=6000")));
    for (const found of late) {
      expect(found.status).toBe(504);
      expect(await found.json()).toMatchObject({ code: "function_timeout" });
    }
    expect(await one.iad.heard()).toEqual([]);
    expect(await one.regionOf()).toBe("fra");
  });

  test("also when it is slow: an ingress that answers probes is waited for", async () => {
    const one = await world();
    expect((await (await one.ask("/api/echo?ms=4000")).json()) as Said).toMatchObject({ region: "fra" });
    expect(await one.iad.heard()).toEqual([]);
  });
});

test("a region that drains is given no new request, and ends what it has", async () => {
  const one = await world();
  const slow = one.ask("/api/echo?ms=3000");
  await until(async () => (await one.fra.heard()).length > 0);
  await one.put("fra", { isDraining: true });
  await until(async () => (await one.regionOf()) === "iad");
  await one.fra.heard();
  for (let i = 0; i < 20; i++) expect(await one.regionOf()).toBe("iad");
  expect(await one.fra.heard()).toEqual([]);
  expect((await (await slow).json()) as Said).toMatchObject({ region: "fra" });
  await Promise.all([one.iad.kill(), one.sin.kill()]);
  expect(await one.regionOf()).toBe("fra");
});

test("a breaker opens after some failures, and closes again by way of trials that no visitor notices", async () => {
  const one = await world();
  await one.fra.behave("reset");
  for (let i = 0; i < 8; i++) expect(await one.regionOf()).toBe("iad");
  await one.fra.heard();
  expect(await one.regionOf()).toBe("iad");
  expect(await one.fra.heard()).toEqual([]);
  // A trial goes there, fails, and is answered by another.
  await until(async () => {
    expect(await one.regionOf()).toBe("iad");
    return (await one.fra.heard()).length > 0;
  });
  await one.fra.behave("answer");
  await until(async () => (await one.regionOf()) === "fra");
  await until(async () => {
    for (let i = 0; i < 5; i++) if ((await one.regionOf()) !== "fra") return false;
    return true;
  });
});

test("answers stream, and WebSockets are passed through", async () => {
  const one = await world();
  const found = await one.ask("/api/stream?pause=1500");
  const begun = Date.now();
  const reader = found.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("fra begins\n");
  expect(Date.now() - begun).toBeLessThan(1_000);
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("and ends\n");

  const socket = await socketTo(`${one.site}/api/echo`);
  socket.send("hello");
  expect(await socket.next()).toMatch(/^\w{3}: hello$/);
  await socket.close(1000, "");
});
