import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployFunctions, edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { socketTo } from "#tests/support/socket.ts";

const platform = new TestPlatform();
const { at, newProject: project } = platform;
beforeAll(() => platform.start());
afterAll(() => platform.remove());

describe("what a function is given", () => {
  beforeAll(async () => {
    const id = await project("given");
    const env = { key: "GREETING", value: "good morning", targets: ["production" as const] };
    await platform.client.request("POST /api/projects/{project}/env", { params: { project: id }, body: env });
    const echo = `export default async (request, context) => Response.json({
      url: request.url, method: request.method, headers: Object.fromEntries(request.headers),
      body: request.body === null ? null : await request.text(),
      env: { greeting: process.env.GREETING, target: process.env.VERCEL_ENV, id: process.env.CLOUDIFY_DEPLOYMENT_ID },
      waits: typeof context.waitUntil, edge: typeof EdgeRuntime,
      library: typeof globalThis[Symbol.for("@vercel/request-context")].get().waitUntil,
    })`;
    await deployFunctions(
      platform.client,
      id,
      {
        "api/echo": echo,
        "api/users/[id]": `export default (request) => new Response(new URL(request.url).searchParams.get("id"))`,
        "api/fetcher": `export default { fetch: async (request, env) => new Response(env.GREETING) }`,
        missing: `export default () => new Response("made by a function", { headers: { "x-mine": "1" } })`,
      },
      {
        routes: [
          { src: "/old", dest: "/api/echo?from=route" },
          { handle: "rewrite" },
          { src: "^/api/users/(?<id>[^/]+)$", dest: "/api/users/[id]?id=$id", check: true },
          { handle: "error" },
          { src: "/.*", status: 404, dest: "/missing" },
        ],
      },
      { "api/file.txt": "a file" },
    );
  });

  test("request, environment, context", async () => {
    const headers = { "content-type": "text/plain", "x-mine": "yes", "accept-encoding": "br" };
    const found = await get(at("given", "/api/echo?a=1"), { method: "POST", body: "hello", headers });
    expect(found.status).toBe(200);
    const body = await found.json();
    expect(body).toMatchObject({
      url: at("given", "/api/echo?a=1"),
      method: "POST",
      body: "hello",
      env: { greeting: "good morning", target: "production", id: expect.stringMatching(/^dpl_/) },
      waits: "function",
      edge: "string",
      library: "function",
      headers: {
        "x-mine": "yes",
        "accept-encoding": "br",
        "x-matched-path": "/api/echo",
        "x-forwarded-proto": "http",
      },
    });
    expect(body.headers["x-real-ip"]).toBe("127.0.0.1");
    const ours = Object.keys(body.headers).filter((name) => /^x-cloudify-/.test(name));
    expect(ours).toEqual(["x-cloudify-request-id"]);
  });

  test("what frameworks tell themselves is not taken from a visitor", async () => {
    const told = ["x-middleware-set-cookie", "x-middleware-next", "x-now-route-matches", "next-resume"];
    const headers = Object.fromEntries(told.map((name) => [name, "mine"]));
    const found = await get(at("given", "/api/echo"), {
      method: "POST",
      body: "hello",
      headers: { ...headers, "x-matched-path": "/admin", rsc: "1", "accept-encoding": "br" },
    });
    const body = (await found.json()) as { body: string; headers: Record<string, string> };
    const kept = { rsc: "1", "x-matched-path": "/api/echo", "accept-encoding": "br" };
    expect(body).toMatchObject({ body: "hello", headers: kept });
    for (const name of told) expect(body.headers[name]).toBe(undefined);
  });

  test("routes, dynamic names, files before functions, the error page", async () => {
    expect(await (await get(at("given", "/old?b=2"))).json()).toMatchObject({
      url: at("given", "/old?b=2&from=route"),
    });
    const ids = [
      ["7", "7"],
      ["AT&T", "AT&T"],
      ["AT%26T", "AT&T"],
      ["a+b", "a+b"],
      ["a%2Bb=c", "a+b=c"],
    ] as const;
    for (const [path, id] of ids)
      expect(await (await get(at("given", `/api/users/${path}`))).text()).toBe(id);
    expect(await (await get(at("given", "/api/file.txt"))).text()).toBe("a file");
    expect(await (await get(at("given", "/api/fetcher"))).text()).toBe("good morning");
    const missing = await get(at("given", "/nowhere"));
    expect([missing.status, missing.headers.get("x-mine"), await missing.text()]).toEqual([
      404,
      "1",
      "made by a function",
    ]);
    const head = await get(at("given", "/api/users/7"), { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("streams go both ways, as they come", async () => {
    const id = await project("streams");
    await deployFunctions(platform.client, id, {
      upper: `export default (request) => new Response(request.body.pipeThrough(new TransformStream({
        transform(chunk, c) { c.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())); } })))`,
      slow: `export default () => { const { readable, writable } = new TransformStream(); const w = writable.getWriter();
        (async () => { await w.write(new TextEncoder().encode("first")); await new Promise((r) => setTimeout(r, 600));
          await w.write(new TextEncoder().encode("last")); await w.close(); })(); return new Response(readable); }`,
    });
    expect(await (await get(at("streams", "/upper"), { method: "POST", body: "quiet" })).text()).toBe(
      "QUIET",
    );
    const reader = (await get(at("streams", "/slow"))).body?.getReader();
    const startedAt = performance.now();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first");
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("last");
  });

  test("a body that means nothing keeps no GET and no HEAD from its answer", async () => {
    for (const method of ["GET", "HEAD"])
      for (const body of ["", '{"a":1}'])
        for (const path of ["/api/users/7", "/api/file.txt"]) {
          const headers = { "content-length": String(body.length) };
          expect((await get(at("given", path), { method, headers, body })).status).toBe(200);
        }
  });

  test("a WebSocket has the subprotocol that the function chose", async () => {
    const id = await project("chosen");
    await deployFunctions(platform.client, id, {
      socket: `export default (request) => {
        const asked = (request.headers.get("sec-websocket-protocol") ?? "").split(", ");
        const { 0: theirs, 1: ours } = new WebSocketPair(); ours.accept(); ours.send(asked.join());
        return new Response(null, { status: 101, webSocket: theirs, headers: { "sec-websocket-protocol": asked.at(-1) } }); }`,
    });
    const socket = await socketTo(at("chosen", "/socket"), ["mqtt", "graphql-transport-ws"]);
    expect([socket.protocol, await socket.next()]).toEqual([
      "graphql-transport-ws",
      "mqtt,graphql-transport-ws",
    ]);
    await socket.close(1_000, "");
  });

  test("an answer that is encoded comes as it was sent, by whomever, and however long", async () => {
    const id = await project("encoded");
    await deployFunctions(platform.client, id, {
      zipped: `import { gzipSync } from "node:zlib"; const bytes = new Uint8Array(gzipSync(new Uint8Array(200_000).map((_, i) => (i * 7919) % 251 ^ (i >> 5))));
        const headers = { "content-encoding": "gzip", "content-length": String(bytes.length) };
        export default () => new Response(bytes, { headers, encodeBody: "manual" });`,
      zips: `export default () => new Response("a".repeat(500_000), { headers: { "content-encoding": "gzip" } });`,
      onward: `export default async (request) => fetch(new URL("/zipped", request.url));`,
    });
    for (const name of ["zipped", "onward", "zips"]) {
      const found = await get(at("encoded", `/${name}`), { headers: { "accept-encoding": "gzip" } });
      expect([name, found.status, found.headers.get("content-encoding")]).toEqual([name, 200, "gzip"]);
      const plain = gunzipSync(Buffer.from(await found.arrayBuffer()));
      expect(plain.length).toBe(name === "zips" ? 500_000 : 200_000);
    }
  });

  test("a long answer whose length is known comes whole, and says its length", async () => {
    const id = await project("lengths");
    await deployFunctions(platform.client, id, {
      long: `export default () => { const { readable, writable } = new FixedLengthStream(3e6); const w = writable.getWriter();
        (async () => { for (let i = 0; i < 3; i++) await w.write(new Uint8Array(1e6)); await w.close(); })();
        return new Response(readable); }`,
    });
    const found = await get(at("lengths", "/long"));
    expect(found.headers.get("content-length")).toBe("3000000");
    expect((await found.arrayBuffer()).byteLength).toBe(3_000_000);
  });

  test("WebAssembly, texts and JSON of the bundle", async () => {
    const id = await project("assets");
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    const add = "AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABagsAbmFtZQ==";
    const wasm = Buffer.from(add, "base64").subarray(0, 41);
    const files: Record<string, string | Buffer> = {
      ...tree({ "a.txt": "a" }),
      ...edge(
        "sum",
        `import add from "./lib/add.wasm?module"; import text from "./note.txt"; import data from "./data.json";
         export default () => { const { exports } = new WebAssembly.Instance(add);
           return new Response([exports.add(2, 3), text, data.a].join(" ")); }`,
        { "note.txt": "noted", "data.json": '{"a":7}' },
      ),
      "functions/sum.func/lib/add.wasm": wasm,
      ...edge(
        "menu",
        `import menu from "./menu.json"; const text = async (name) => (await fetch("blob:" + name)).text();
         export default async () => Response.json([Object.keys(menu), await text("of-json"), await text("of-text"),
           new Uint8Array(await (await fetch("blob:of-wasm")).arrayBuffer()).slice(1, 4)]);`,
        { "menu.json": '{ "zeta": 1, "alpha": 2 }', "note.txt": "noted" },
      ),
      "functions/menu.func/add.wasm": wasm,
      ...edge(
        "words",
        `import one from "./data.json" with { type: "json" };
         const two = await import("./data.json", { with: { type: "json" } });
         export default () => Response.json([one.a, two.default.a, import.meta.url, new URL("./b", import.meta.url).href]);`,
        { "data.json": '{"a":7}' },
      ),
      "functions/menu.func/.vc-config.json": JSON.stringify({
        runtime: "edge",
        entrypoint: "index.js",
        assets: [
          { name: "of-json", path: "menu.json" },
          { name: "of-text", path: "note.txt" },
          { name: "of-wasm", path: "add.wasm" },
        ],
      }),
    };
    const done = await deployTree(platform.client, id, files as Record<string, string>, {
      target: "production",
    });
    expect(done.error).toBe(null);
    expect(await (await get(at("assets", "/sum"))).text()).toBe("5 noted 7");
    expect(await (await get(at("assets", "/words"))).json()).toEqual([7, 7, "file:///index.js", "file:///b"]);
    expect(await (await get(at("assets", "/menu"))).json()).toEqual([
      ["zeta", "alpha"],
      '{ "zeta": 1, "alpha": 2 }',
      "noted",
      { 0: 97, 1: 115, 2: 109 },
    ]);
  });

  test("WebAssembly as bundles of Next.js ask for it", async () => {
    const id = await project("required");
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    const add = Buffer.from("AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=", "base64");
    const files: Record<string, string | Buffer> = {
      ...tree({ "a.txt": "a" }),
      ...edge(
        "og",
        `const wasm_add = require("/wasm/wasm_add.wasm"); const { exports } = new WebAssembly.Instance(wasm_add);
         const refused = (name) => { try { return typeof require(name) } catch (e) { return e.message.slice(0, 18) } };
         export default () => Response.json([wasm_add instanceof WebAssembly.Module, exports.add(2, 3),
           typeof require("node:buffer").Buffer, refused("/wasm/other.wasm"), refused("/toString"), refused("/index.js")])`,
      ),
      "functions/og.func/wasm/wasm_add.wasm": add,
    };
    const done = await deployTree(platform.client, id, files as Record<string, string>, {
      target: "production",
    });
    expect(done.error).toBe(null);
    const lost = "Cannot find module";
    const found = await (await get(at("required", "/og"))).json();
    expect(found).toEqual([true, 5, "function", lost, lost, lost]);
  });

  test("assets are there while a module is evaluated, as fonts are read on Vercel", async () => {
    const id = await project("at-load");
    const settings = {
      runtime: "edge",
      entrypoint: "index.js",
      assets: [
        { name: "font", path: "font.ttf" },
        { name: "note", path: "note.json" },
      ],
    };
    const files = {
      ...tree({ "a.txt": "a" }),
      ...edge(
        "og",
        `const font = fetch(new URL("blob:font")).then((res) => res.arrayBuffer());
         const note = await (await fetch("blob:note")).json();
         const other = await fetch("https://example.com/").catch((error) => error.message.slice(0, 20));
         export default async () => { const res = await fetch("blob:font");
           return Response.json([new TextDecoder().decode(await font), note.a, res instanceof Response, await res.text(), other]); }`,
        { "font.ttf": "letters", "note.json": '{"a":1}' },
      ),
      "functions/og.func/.vc-config.json": JSON.stringify(settings),
    };
    const done = await deployTree(platform.client, id, files, { target: "production" });
    expect(done.error).toBe(null);
    for (const _ of ["cold", "warm"])
      expect(await (await get(at("at-load", "/og"))).json()).toEqual([
        "letters",
        1,
        true,
        "letters",
        "Disallowed operation",
      ]);
  });

  test("modes of fetch that the web allows and the runtime does not", async () => {
    const id = await project("modes");
    const modes = ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"];
    await deployFunctions(platform.client, id, {
      moved: `export default () => new Response(null, { status: 307, headers: { location: "/there" } })`,
      there: `export default (request) => new Response(request.headers.get("x-mine") ?? "there")`,
      modes: `const tried = (of) => of.then((res) => res.text(), (error) => error.name);
        export default async (request) => {
          const to = (path) => new URL(path, request.url); const found = [];
          for (const cache of ${JSON.stringify(modes)})
            found.push(await tried(fetch(to("/there"), { cache, headers: { "x-mine": cache } })),
              new Request(to("/there"), { cache, method: "PUT" }).method);
          const redirect = "error"; const strict = new Request(to("/moved"), { redirect });
          found.push(await tried(fetch(to("/moved"), { redirect })), await tried(fetch(strict)), await tried(fetch(new Request(strict))),
            await tried(fetch(strict, { redirect: "follow" })), await tried(fetch(to("/there"), { redirect })),
            await tried(fetch(to("/there"), { cache: "never" })));
          return Response.json(found);
        }`,
      classes: `class Mine extends Request { mine() { return this.url } }
        export default (request) => { const mine = new Mine("https://a.example/", { cache: "force-cache" }), made = new Request(mine);
          return Response.json([mine.mine(), mine instanceof Mine, mine instanceof Request, made instanceof Request, made instanceof Mine,
            request instanceof Request, request.constructor === Request, Request.prototype.isPrototypeOf(request), Request.name]) }`,
    });
    expect(await (await get(at("modes", "/modes"))).json()).toEqual([
      ...modes.flatMap((mode) => [mode, "PUT"]),
      ...["TypeError", "TypeError", "TypeError", "there", "there", "TypeError"],
    ]);
    expect(await (await get(at("modes", "/classes"))).json()).toEqual([
      "https://a.example/",
      ...[true, true, true, false, true, true, true],
      "Request",
    ]);
  });
});

describe("middleware", () => {
  beforeAll(async () => {
    const id = await project("guarded");
    const middleware = `export default (request) => {
      const url = new URL(request.url);
      const to = (headers) => new Response(null, { headers });
      switch (url.pathname) {
        case "/rewrite": return to({ "x-middleware-rewrite": new URL("/page.txt", url).href });
        case "/rewrite-fn": return to({ "x-middleware-rewrite": new URL("/echo?added=1", url).href });
        case "/redirect": return Response.redirect(new URL("/page.txt", url), 307);
        case "/answer": return new Response("no entry", { status: 401, headers: { "x-middleware-secret": "1" } });
        case "/headers": return to({ "x-middleware-rewrite": new URL("/echo", url).href,
          "x-middleware-override-headers": "x-new,accept", "x-middleware-request-x-new": "set", "x-middleware-request-accept": "a/b" });
        case "/session": return to({ "x-middleware-rewrite": new URL("/echo", url).href, "set-cookie": "session=1",
          "x-middleware-set-cookie": "session=1" });
        case "/throws": throw new Error("in the middleware");
      }
      const headers = new Headers({ "x-middleware-next": "1", "x-seen": "1" });
      headers.append("set-cookie", "a=1; Path=/"); headers.append("set-cookie", "b=2; Path=/");
      return new Response(null, { headers });
    }`;
    await deployFunctions(
      platform.client,
      id,
      {
        _middleware: middleware,
        echo: `export default (request) => Response.json({ url: request.url, headers: Object.fromEntries(request.headers) })`,
      },
      {
        routes: [
          { src: "^/(?!open).*$", middlewarePath: "_middleware", continue: true },
          { src: "^/conditional$", has: [{ type: "header", key: "x-seen-by" }], dest: "/page.txt" },
          { handle: "filesystem" },
        ],
      },
      { "page.txt": "a page", "open.txt": "open" },
    );
  });
  const ask = (path: string, headers: Record<string, string> = {}) => get(at("guarded", path), { headers });

  test("goes on, with its headers and each of its cookies", async () => {
    const found = await ask("/page.txt");
    expect(await found.text()).toBe("a page");
    expect(found.headers.get("x-seen")).toBe("1");
    expect(found.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2; Path=/"]);
    expect([...found.headers.keys()].filter((name) => name.startsWith("x-middleware"))).toEqual([]);
  });

  test("rewrites to a file and to a function, redirects, answers", async () => {
    expect(await (await ask("/rewrite")).text()).toBe("a page");
    expect(await (await ask("/rewrite-fn?a=1")).json()).toMatchObject({
      url: expect.stringContaining("added=1"),
    });
    const redirect = await ask("/redirect");
    expect([redirect.status, redirect.headers.get("location")]).toEqual([307, at("guarded", "/page.txt")]);
    const answer = await ask("/answer");
    expect([answer.status, await answer.text(), answer.headers.get("x-middleware-secret")]).toEqual([
      401,
      "no entry",
      null,
    ]);
  });

  test("changes the request's headers; those that it does not name are gone", async () => {
    const { headers } = (await (await ask("/headers", { "x-old": "1", accept: "c/d" })).json()) as {
      headers: Record<string, string>;
    };
    expect(headers["x-new"]).toBe("set");
    expect(headers.accept).toBe("a/b");
    expect(headers["x-old"]).toBe(undefined);
  });

  test("tells the function of the cookies that it sets, and the visitor once", async () => {
    const found = await ask("/session", {
      cookie: "theme=dark",
      "x-middleware-set-cookie": "session=stolen",
    });
    expect(found.headers.getSetCookie()).toEqual(["session=1"]);
    expect(found.headers.get("x-middleware-set-cookie")).toBe(null);
    expect(await found.json()).toMatchObject({
      headers: { cookie: "theme=dark", "x-middleware-set-cookie": "session=1" },
    });
  });

  test("a middleware that fails lets nobody past", async () => {
    const found = await ask("/throws");
    expect([found.status, found.headers.get("x-cloudify-error")]).toEqual([500, "function_failed"]);
  });

  test("where its route does not match, it is not asked", async () => {
    expect((await ask("/open.txt")).headers.get("x-seen")).toBe(null);
  });

  test("one that returns nothing lets the request go on; another function that does is at fault", async () => {
    const id = await project("passing");
    await deployFunctions(
      platform.client,
      id,
      {
        _middleware: `const seen = [];
          export default (request) => { seen.push(...request.headers.keys());
            const { pathname } = new URL(request.url); if (pathname === "/five") return 5; if (pathname === "/null") return null;
            if (pathname === "/seen") return Response.json(seen.filter((name) => name.startsWith("x-cloudify-"))) }`,
        nothing: `export default () => undefined`,
      },
      { routes: [{ src: "/.*", middlewarePath: "_middleware", continue: true }, { handle: "filesystem" }] },
      { "page.txt": "a page", null: "a page, too" },
    );
    expect(await (await get(at("passing", "/page.txt"))).text()).toBe("a page");
    expect(await (await get(at("passing", "/null"))).text()).toBe("a page, too");
    expect(new Set((await (await get(at("passing", "/seen"))).json()) as string[])).toEqual(
      new Set(["x-cloudify-request-id"]),
    );
    const forged = { "x-cloudify-as-middleware": "1" };
    for (const path of ["/nothing", "/five"])
      expect(await (await get(at("passing", path), { headers: forged })).json()).toMatchObject({
        code: "function_failed",
        detail: "The function did not return a Response.",
      });
  });
});

test("a rewrite to another site of the platform keeps what routes and middlewares have set, and where the visitor is", async () => {
  const other = await project("behind");
  const echo = `export default (request) => Response.json(Object.fromEntries(request.headers), {
    headers: { "x-other": "theirs", "set-cookie": "theirs=1" } })`;
  await deployFunctions(platform.client, other, { echo });
  const front = await project("front");
  const to = (path: string) => `http://behind.localhost:${platform.port}${path}`;
  const middleware = `export default () => {
    const headers = new Headers({ "x-middleware-rewrite": ${JSON.stringify(to("/echo"))}, "x-mine": "1" });
    headers.append("set-cookie", "mine=1");
    return new Response(null, { headers });
  }`;
  await deployFunctions(
    platform.client,
    front,
    { _middleware: middleware },
    {
      routes: [
        { src: "^/asked$", middlewarePath: "_middleware", continue: true },
        { src: "^/routed$", headers: { "x-mine": "1", "set-cookie": "mine=1" }, dest: to("/echo") },
      ],
    },
  );
  for (const path of ["/asked", "/routed"]) {
    const found = await get(at("front", path), { headers: { "accept-encoding": "zstd" } });
    expect(await found.json()).toMatchObject({ "accept-encoding": "zstd" });
    expect([found.headers.get("x-mine"), found.headers.get("x-other")]).toEqual(["1", "theirs"]);
    expect(found.headers.getSetCookie()).toEqual(["theirs=1", "mine=1"]);
  }
});
