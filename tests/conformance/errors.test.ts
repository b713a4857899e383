/**
 * Error pages: what a visitor gets of a site's own pages when nothing is found, or a function fails. Build Output API v3,
 * "Configuration", "Handler route": “check matches after error (500, 404, etc.)”.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions, edge } from "#tests/support/functions.ts";
import { type Ask, get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
const FAILS = `export default () => { throw new Error("on purpose"); }`;
const PAGES = [
  { handle: "error" },
  { src: "/.*", status: 404, dest: "/404.html" },
  { src: "/.*", status: 500, dest: "/500.html" },
];

beforeAll(async () => {
  await platform.start();
  const { client } = platform;
  await client.request("POST /api/projects", { body: { name: "files" } });
  await deployFunctions(
    client,
    "files",
    { "api/x": FAILS, guard: FAILS },
    { routes: [{ src: "/guarded", middlewarePath: "guard", continue: true }, ...PAGES] },
    { "404.html": "no such page", "500.html": "our fault" },
  );
  const said = [
    { src: "/.*", middlewarePath: "says", continue: true },
    { src: "/.*", headers: { "x-own": "route", "cache-control": "public, max-age=60" }, continue: true },
    { src: "/.*", headers: { "x-firm": "route" }, important: true, continue: true },
  ];
  const functions = {
    "api/x": FAILS,
    says: `export default () => new Response(null, { headers: { "x-middleware-next": "1", "set-cookie": "a=1",
      "x-middleware-override-headers": "x-new", "x-middleware-request-x-new": "set" } })`,
    page: `export default (request) => new Response("x-new: " + request.headers.get("x-new"),
      { headers: { "x-own": "page", "x-firm": "page" } })`,
  };
  for (const [name, routes] of [
    ["bare", said],
    ["dressed", [...said, { handle: "error" }, { src: "/.*", dest: "/page" }]],
  ] as const) {
    await client.request("POST /api/projects", { body: { name } });
    await deployFunctions(client, name, functions, { routes });
  }
  await client.request("POST /api/projects", { body: { name: "pages" } });
  const page = (name: string, text: string) => ({
    ...edge(name, `export default () => new Response("rendered anew")`),
    [`functions/${name}.prerender-config.json`]: JSON.stringify({
      expiration: false,
      fallback: `${name}.prerender-fallback.html`,
    }),
    [`functions/${name}.prerender-fallback.html`]: text,
  });
  const output = { ...page("404.html", "no such page"), ...page("500.html", "our fault") };
  await deployTree(
    client,
    "pages",
    { ...tree({}, { routes: PAGES }), ...edge("api/x", FAILS), ...output },
    { target: "production" },
  );
});
afterAll(() => platform.remove());

async function ask(site: string, path: string, given: Ask = {}) {
  const found = await get(`http://${site}.localhost:${platform.port}${path}`, given);
  return {
    status: found.status,
    body: await found.text(),
    header: (name: string) => found.headers.get(name),
  };
}

test.each(["files", "pages"])("of %s: an error has its page, whatever was asked", async (site) => {
  for (const method of ["GET", "POST", "PUT", "OPTIONS"]) {
    const nothing = await ask(site, "/nowhere", { method });
    expect([method, nothing.status, nothing.body]).toEqual([method, 404, "no such page"]);
    const failed = await ask(site, "/api/x", { method });
    expect([method, failed.status, failed.body]).toEqual([method, 500, "our fault"]);
  }
  for (const path of ["/nowhere", "/api/x"]) {
    const head = await ask(site, path, { method: "HEAD" });
    expect([head.status >= 400, head.body]).toEqual([true, ""]);
  }
});

test("a middleware that fails has the page, too", async () => {
  const failed = await ask("files", "/guarded", { method: "POST", body: "x" });
  expect([failed.status, failed.body]).toEqual([500, "our fault"]);
});

test.each(["/nowhere", "/api/x"])(
  "%s: the platform's own page has what routes and middlewares have said",
  async (path) => {
    const found = await ask("bare", path);
    expect([found.header("x-own"), found.header("x-firm"), found.header("set-cookie")]).toEqual([
      "route",
      "route",
      "a=1",
    ]);
    // What is not there, or does not work, is not to be kept.
    expect(found.header("cache-control")).toBe("no-store");
    expect(found.header("x-cloudify-error")).toBe(path === "/api/x" ? "function_failed" : "not_found");
  },
);

test.each(["/nowhere", "/api/x"])(
  "%s: so has a page of the site, and a function sees the changed request",
  async (path) => {
    const found = await ask("dressed", path);
    expect([found.status, found.body]).toEqual([path === "/api/x" ? 500 : 404, "x-new: set"]);
    expect([found.header("x-own"), found.header("x-firm"), found.header("set-cookie")]).toEqual([
      "page",
      "route",
      "a=1",
    ]);
    expect(found.header("cache-control")).toBe(null);
  },
);
