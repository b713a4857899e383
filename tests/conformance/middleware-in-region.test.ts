/**
 * A middleware that runs on Node.js (Next.js 16's `proxy.ts`): `middlewarePath` of the Build Output API names a function
 * for Node.js, and a region is asked what to do with each request.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { node } from "#tests/support/node-functions.ts";
import { TestPlatform, until } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { socketTo } from "#tests/support/socket.ts";

const platform = new TestPlatform();
const at = (path: string, project = "guarded") => `http://${project}.localhost:${platform.port}${path}`;

/** As Vercel's builder wraps Next.js's: a Request in, a Response out. */
const MIDDLEWARE = `module.exports = async (request) => {
  const url = new URL(request.url);
  const go = (headers) => new Response("not for the visitor", { headers });
  switch (url.pathname) {
    case "/rewritten": return go({ "x-middleware-rewrite": new URL("/page.txt", url).href });
    case "/to-function": return go({ "x-middleware-rewrite": "/api/echo?added=1" });
    case "/refused": return new Response("no entry", { status: 401, headers: { "x-by": "middleware" } });
    case "/moved": return Response.redirect(new URL("/page.txt", url), 307);
    case "/changed": return go({ "x-middleware-rewrite": "/api/echo", "x-middleware-override-headers": "x-new",
      "x-middleware-request-x-new": "set" });
    case "/throws": throw new Error("in the middleware");
    case "/silent": return new Promise(() => {});
    case "/exits": process.exit(3);
  }
  const headers = new Headers({ "x-middleware-next": "1", "x-seen": [process.env.CLOUDIFY_REGION, request.method,
    request.body === null].join(" ") });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  return new Response(null, { headers });
};`;

const ECHO = `const server = require("node:http").createServer(async (req, res) => {
  let bytes = 0;
  for await (const chunk of req) bytes += chunk.length;
  res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, bytes }));
});
server.on("upgrade", (req, socket) => {
  const accept = require("node:crypto").createHash("sha1")
    .update(req.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: upgrade\\r\\nsec-websocket-accept: " + accept + "\\r\\n\\r\\n");
  socket.end(Buffer.from([129, 2, 104, 105]));
});
module.exports = server;`;

const output = {
  ...tree(
    { "page.txt": "a page", "open.txt": "open", "sorry.txt": "we are sorry" },
    {
      routes: [
        { src: "^/(?!open).*$", middlewarePath: "_middleware", continue: true },
        { handle: "filesystem" },
        { handle: "error" },
        { status: 504, src: "^/silent$", dest: "/sorry.txt" },
      ],
    },
  ),
  ...node("_middleware", MIDDLEWARE, { useWebApi: true, maxDuration: 2 }),
  ...node("api/echo", ECHO),
};

let deployment = "";
beforeAll(async () => {
  await platform.start({ CLOUDIFY_REGIONS: "fra" });
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "guarded" } });
  const done = await deployTree(platform.client, id, output, { target: "production" });
  expect(done.error).toBeNull();
  deployment = done.id;
});
afterAll(() => platform.remove());

describe("what it says is done", () => {
  test("a request goes on, with its headers on the answer, to files and functions alike", async () => {
    const file = await get(at("/page.txt"));
    expect([file.status, await file.text(), file.headers.get("x-seen")]).toEqual([
      200,
      "a page",
      "fra GET true",
    ]);
    expect(file.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect([...file.headers.keys()].filter((name) => name.startsWith("x-middleware"))).toEqual([]);
    // The file came from no region.
    expect(file.headers.get("x-cloudify-region")).toBeNull();
    const open = await get(at("/open.txt"));
    expect([await open.text(), open.headers.get("x-seen")]).toEqual(["open", null]);
  });

  test("it is given the head only, and who answers gets the whole body", async () => {
    const body = "x".repeat(200_000);
    for (const headers of [{ "content-length": "200000" }, { "transfer-encoding": "chunked" }]) {
      const found = await get(at("/api/echo?a=1"), { method: "POST", body, headers });
      expect(found.headers.get("x-seen")).toBe("fra POST true");
      expect(await found.json()).toMatchObject({ method: "POST", url: "/api/echo?a=1", bytes: 200_000 });
    }
  });

  test("a WebSocket is asked for, and then opened by who answers it", async () => {
    const socket = await socketTo(at("/api/echo"));
    expect(await socket.next()).toBe("hi");
  });

  test("it leads elsewhere, to a file, to a function and to another address", async () => {
    expect(await (await get(at("/rewritten"))).text()).toBe("a page");
    expect(await (await get(at("/to-function?b=2"))).json()).toMatchObject({ url: "/to-function?added=1" });
    const moved = await get(at("/moved"));
    expect([moved.status, moved.headers.get("location")]).toEqual([307, at("/page.txt")]);
  });

  test("it changes what goes on of the request", async () => {
    const found = await get(at("/changed"), { headers: { "x-old": "1", cookie: "c=1" } });
    const { headers } = (await found.json()) as { headers: Record<string, string> };
    expect(headers["x-new"]).toBe("set");
    expect(headers).not.toHaveProperty("x-old");
    expect(headers).not.toHaveProperty("cookie");
  });

  test("it answers itself, and the answer says where that was", async () => {
    const found = await get(at("/refused"));
    expect([found.status, await found.text(), found.headers.get("x-by")]).toEqual([
      401,
      "no entry",
      "middleware",
    ]);
    expect(found.headers.get("x-cloudify-region")).toBe("fra");
    const traffic = await until(async () => {
      const { data } = await platform.client.request("GET /api/projects/{project}/traffic", {
        params: { project: "guarded" },
      });
      return data.find(({ byRegion, functionMs }) => byRegion.fra !== undefined && functionMs > 0);
    });
    expect(traffic.byClass["4xx"]).toBeGreaterThan(0);
  });
});

describe("a middleware that fails lets nobody past", () => {
  test("it throws", async () => {
    const found = await get(at("/throws"));
    expect(found.status).toBe(500);
    expect(await found.json()).toMatchObject({ code: "function_failed" });
    const { stdout } = await platform.cli("logs", deployment);
    expect(stdout).toContain("in the middleware");
  });

  test("it does not answer in time: the error phase may say so nicely", async () => {
    const found = await get(at("/silent"));
    expect([found.status, await found.text()]).toEqual([504, "we are sorry"]);
    expect(found.headers.get("x-cloudify-region")).toBe("fra");
  });

  test("its process ends", async () => {
    expect((await get(at("/exits"))).status).toBe(500);
    await until(async () => (await get(at("/page.txt"))).status === 200);
  });

  test("there is no region that it runs in: not even a file is served behind it", async () => {
    const { data } = await platform.client.request("GET /api/regions");
    const pid = data[0]?.agent?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      const found = await get(at("/page.txt"));
      expect([503, 504]).toContain(found.status);
      expect(Number(found.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await found.json()).toMatchObject({ fix: expect.stringContaining("cloudify regions") });
      expect(await (await get(at("/open.txt"))).text()).toBe("open");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    process.kill(pid, "SIGKILL");
    const refused = await until(async () => {
      const found = await get(at("/page.txt"));
      return found.status === 503 && found;
    });
    expect(await refused.json()).toMatchObject({ code: "unavailable" });
  });
});

test("without a region such an output is refused, with what to do", async () => {
  const none = new TestPlatform();
  try {
    await none.start();
    const { id } = await none.client.request("POST /api/projects", { body: { name: "guarded" } });
    const done = await deployTree(none.client, id, output, { target: "production" });
    expect(done.error).toMatchObject({ code: "no_region", fix: expect.stringContaining("regions add") });
  } finally {
    await none.remove();
  }
});
