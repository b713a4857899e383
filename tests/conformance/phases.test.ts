/**
 * A hand-written output that uses every phase of routing. Quotes are the specification's own wording: Build Output API v3,
 * "Configuration", "Handler route", and "Vercel Primitives", "Prerender Functions".
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { type Ask, get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();

const ECHO = `export default (request) => {
  const { pathname, searchParams } = new URL(request.url);
  return new Response([pathname, ...[...searchParams].flat()].join(" "));
}`;

beforeAll(async () => {
  await platform.start();
  await platform.client.request("POST /api/projects", { body: { name: "phases" } });
  await deployFunctions(
    platform.client,
    "phases",
    {
      "posts/[slug]": ECHO,
      "shop/[...path]": ECHO,
      crashes: `export default () => { throw new Error("on purpose"); }`,
      speaks: `export default () => new Response("said", { headers: { "x-soft": "function", "x-firm": "function" } })`,
      refuses: `export default () => new Response("own 500", { status: 500 })`,
      "errors/404": `export default (request) => new Response("nothing at " + new URL(request.url).pathname, { headers: { "x-page": "404" } })`,
      "errors/500": `export default (request) => new Response("sorry for " + request.method)`,
      "errors/crashes": `export default () => { throw new Error("here too"); }`,
      guard: `export default () => { throw new Error("the guard is asleep"); }`,
    },
    {
      overrides: {
        "home.html": { path: "" },
        "data/raw": { contentType: "application/json" },
        "about.html": { path: "about", contentType: "text/html; charset=utf-8" },
      },
      routes: [
        { src: "/legacy/(.*)", dest: "/posts/$1", check: true },
        { src: "/first", dest: "/two.txt", continue: true },
        { src: "/two.txt", headers: { "x-went-on": "1" }, continue: true },
        { src: "/stops", dest: "/one.txt" },
        { src: "/one.txt", headers: { "x-never": "1" }, continue: true },
        { src: "/kept", dest: "/one.txt", status: 203, headers: { "x-a": "1", "x-b": "1" }, continue: true },
        { src: "/loud", headers: { "x-say": "first" }, important: true, continue: true },
        { src: "/loud", headers: { "x-say": "second" }, dest: "/one.txt" },
        { src: "/speaks", headers: { "x-soft": "route", "x-only": "route" }, continue: true },
        { src: "/speaks", headers: { "x-firm": "route" }, important: true, continue: true },
        { src: "/guarded", middlewarePath: "guard", continue: true },
        { src: "/crash-hard", dest: "/crashes", has: [{ type: "header", key: "x-hard" }] },
        { handle: "filesystem" },
        { src: "/one.txt", dest: "/two.txt" },
        { src: "/only-behind-files", dest: "/two.txt" },
        { handle: "rewrite" },
        { src: "^/posts/(?<slug>[^/]+)$", dest: "/posts/[slug]?slug=$slug", check: true },
        { src: "^/shop/(?<path>.+)$", dest: "/shop/[...path]?path=$path", check: true },
        { handle: "resource" },
        { src: "/late/(.*)", dest: "/posts/$1", check: true },
        { src: "/closed/.*", status: 410 },
        { handle: "miss" },
        { src: "/assets/.*", status: 404, check: true, dest: "$0", headers: { "x-missed": "1" } },
        { src: "^/([^/.]+)$", dest: "/$1.html", check: true },
        { handle: "hit" },
        {
          src: "/assets/(.*)",
          headers: { "cache-control": "public, max-age=31536000, immutable" },
          continue: true,
        },
        { handle: "error" },
        { src: "/gone/.*", status: 404, dest: "/no-such-page" },
        { src: "/.*", status: 404, dest: "/errors/404" },
        { src: "/crash-hard", status: 500, dest: "/errors/crashes" },
        { src: "/.*", status: 500, dest: "/errors/500" },
      ],
    },
    {
      "one.txt": "one",
      "two.txt": "two",
      "plain.html": "plain page",
      "home.html": "home",
      "about.html": "about",
      "data/raw": '{"raw":true}',
      "assets/app.js": "app",
      "posts/written.html": "a written post",
    },
  );
});
afterAll(() => platform.remove());

async function ask(path: string, given: Ask = {}) {
  const found = await get(`http://phases.localhost:${platform.port}${path}`, given);
  return {
    status: found.status,
    body: await found.text(),
    header: (name: string) => found.headers.get(name),
  };
}

test("“The handle value indicates the start of a phase. All following routes are only checked in that phase.”", async () => {
  // `filesystem`: “check matches after the filesystem misses”.
  expect((await ask("/one.txt")).body).toBe("one");
  expect((await ask("/only-behind-files")).body).toBe("two");
});

test("“If true, the route triggers handle: 'filesystem' and handle: 'rewrite'”", async () => {
  expect((await ask("/legacy/ada?x=1")).body).toBe("/legacy/ada x 1 slug ada");
  expect((await ask("/legacy/written.html")).body).toBe("a written post");
  expect((await ask("/shop/a/b")).body).toBe("/shop/a/b path a/b");
});

test("`resource` comes when neither files nor rewrites have anything, and may end it", async () => {
  expect((await ask("/late/bird")).body).toBe("/late/bird slug bird");
  expect(await ask("/closed/door")).toMatchObject({ status: 410 });
});

test("`miss`: “check matches after every filesystem miss”", async () => {
  expect((await ask("/plain")).body).toBe("plain page");
  const missed = await ask("/assets/none.js");
  expect([missed.status, missed.header("x-missed"), missed.header("cache-control")]).toEqual([
    404,
    "1",
    null,
  ]);
});

test("`hit` adds headers to what was found, and to nothing else", async () => {
  const hit = await ask("/assets/app.js");
  expect([hit.body, hit.header("cache-control")]).toEqual(["app", "public, max-age=31536000, immutable"]);
});

test("`error`: “check matches after error (500, 404, etc.)”, into functions too", async () => {
  const missing = await ask("/nowhere");
  expect([missing.status, missing.body, missing.header("x-page")]).toEqual([
    404,
    "nothing at /nowhere",
    "404",
  ]);
  // The first whose destination is there gives the page.
  expect(await ask("/gone/x")).toMatchObject({ status: 404, body: "nothing at /gone/x" });
  const crashed = await ask("/crashes", { method: "POST", body: "something" });
  expect([crashed.status, crashed.body, crashed.header("x-cloudify-error")]).toEqual([
    500,
    "sorry for POST",
    "function_failed",
  ]);
  // An answer that a function gives by itself is its own, whatever its status.
  expect(await ask("/refuses")).toMatchObject({ status: 500, body: "own 500" });
  // A page that fails is not asked for again.
  const hard = await ask("/crash-hard", { headers: { "x-hard": "1" } });
  expect([hard.status, hard.header("x-cloudify-error")]).toEqual([500, "function_failed"]);
});

test("a middleware that fails lets nothing through, and the error phase says so", async () => {
  expect(await ask("/guarded")).toMatchObject({ status: 500, body: "sorry for GET" });
});

test("“A boolean to change matching behavior. If true, routing will continue even when the src is matched.”", async () => {
  const on = await ask("/first");
  expect([on.body, on.header("x-went-on")]).toEqual(["two", "1"]);
  const stopped = await ask("/stops");
  expect([stopped.body, stopped.header("x-never")]).toEqual(["one", null]);
});

test("`important` stands against later routes and functions; other headers of routes give way to a function's", async () => {
  const kept = await ask("/kept");
  expect([kept.status, kept.header("x-a"), kept.header("x-b")]).toEqual([203, "1", "1"]);
  expect((await ask("/loud")).header("x-say")).toBe("first");
  const spoken = await ask("/speaks");
  expect([spoken.header("x-soft"), spoken.header("x-firm"), spoken.header("x-only")]).toEqual([
    "function",
    "route",
    "route",
  ]);
});

test("overrides: “The URL path where the static file will be accessible from.”", async () => {
  expect((await ask("/")).body).toBe("home");
  const about = await ask("/about");
  expect([about.body, about.header("content-type")]).toEqual(["about", "text/html; charset=utf-8"]);
  expect((await ask("/about.html")).status).toBe(404);
  // “The value of the Content-Type HTTP response header that will be served with the static file.”
  const raw = await ask("/data/raw");
  expect([raw.body, raw.header("content-type")]).toEqual(['{"raw":true}', "application/json"]);
});
