/**
 * `@vercel/functions` and `@vercel/edge` as they are published, in functions and a middleware that our own builder bundles
 * from source. On one machine `x-cloudify-test-cf` says where a visitor is.
 */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ask, get } from "#tests/support/http.ts";
import { ROOT, TestPlatform, until } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
const config = `export const config = { runtime: "edge" };\n`;

const FILES = {
  "index.html": "home",
  "german.html": "startseite",
  "api/where.ts": `import { geolocation, ipAddress } from "@vercel/functions";
    ${config}
    export function GET(request: Request) {
      const own = Object.fromEntries([...request.headers].filter(([name]) => name.startsWith("x-cloudify-ip-")));
      return Response.json({ geo: geolocation(request), ip: ipAddress(request), own });
    }`,
  "api/where-edge.ts": `import { geolocation, ipAddress } from "@vercel/edge";
    ${config}
    export default (request: Request) => Response.json({ geo: geolocation(request), ip: ipAddress(request) });`,
  "api/later.ts": `import { waitUntil } from "@vercel/functions";
    ${config}
    export function POST() {
      waitUntil(new Promise((resolve) => setTimeout(resolve, 50)).then(() => console.log("done after the answer")));
      return new Response("answered");
    }`,
  "api/env.ts": `import { getEnv } from "@vercel/functions";
    ${config}
    export const GET = () => Response.json(getEnv());`,
  "api/seen.ts": `${config}
    export const GET = (request: Request) => Response.json({ url: new URL(request.url).pathname, added: request.headers.get("x-added") });`,
  "middleware.ts": `import { geolocation, next, rewrite } from "@vercel/functions";
    import { next as edgeNext, rewrite as edgeRewrite } from "@vercel/edge";
    export const config = { matcher: ["/", "/mw/:path*", "/api/seen"] };
    export default function middleware(request: Request) {
      const url = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set("x-added", "by the middleware");
      switch (url.pathname) {
        case "/mw/rewrite": return rewrite(new URL("/german.html", url));
        case "/mw/edge-rewrite": return edgeRewrite(new URL("/german.html", url), { headers: { "x-said": "edge" } });
        case "/mw/edge-next": return edgeNext({ headers: { "x-said": "edge" } });
        case "/api/seen": return next({ request: { headers }, headers: { "x-said": "functions" } });
      }
      return geolocation(request).country === "DE" ? rewrite(new URL("/german.html", url)) : next();
    }`,
};

const PLACE = {
  city: "Münster",
  country: "DE",
  regionCode: "NW",
  latitude: "51.96",
  longitude: "7.62",
  postalCode: "48143",
};

let deployment = "";
beforeAll(async () => {
  await platform.start({ CLOUDIFY_TEST_CF: "1" });
  const root = folder(FILES);
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  const done = await platform.json<{ id: string }>("deploy", root, "--prod", "--project", "libraries");
  deployment = done.id;
});
afterAll(() => platform.remove());

/** A header holds ASCII; JSON can say the rest in it. */
const ascii = (text: string) =>
  text.replace(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
const at = (place: object): Ask => ({ headers: { "x-cloudify-test-cf": ascii(JSON.stringify(place)) } });
const ask = (path: string, given: Ask = {}) =>
  get(`http://libraries.localhost:${platform.port}${path}`, given);

test.each(["/api/where", "/api/where-edge"])("geolocation and ipAddress: %s", async (path) => {
  expect(await (await ask(path, at(PLACE))).json()).toMatchObject({
    ip: "127.0.0.1",
    geo: {
      city: "Münster",
      country: "DE",
      flag: "🇩🇪",
      region: "dev1",
      countryRegion: "NW",
      latitude: "51.96",
      longitude: "7.62",
    },
  });
  expect((await (await ask(path)).json()).geo).toEqual({ region: "dev1" });
});

test("the same stands in headers of our own name, and a visitor can't write them", async () => {
  const place = { ...PLACE, timezone: "Europe/Berlin", continent: "EU", asn: 3320 };
  const lies = { "x-cloudify-ip-city": "Atlantis", "x-vercel-ip-country": "AQ", "x-real-ip": "1.2.3.4" };
  const found = await (await ask("/api/where", { headers: { ...at(place).headers, ...lies } })).json();
  expect(found.own).toEqual({
    "x-cloudify-ip-city": "M%C3%BCnster",
    "x-cloudify-ip-country": "DE",
    "x-cloudify-ip-country-region": "NW",
    "x-cloudify-ip-latitude": "51.96",
    "x-cloudify-ip-longitude": "7.62",
    "x-cloudify-ip-postal-code": "48143",
    "x-cloudify-ip-timezone": "Europe%2FBerlin",
    "x-cloudify-ip-continent": "EU",
    "x-cloudify-ip-as-number": "3320",
  });
  expect([found.geo.country, found.ip]).toEqual(["DE", "127.0.0.1"]);
});

test("waitUntil goes on after the answer", async () => {
  expect(await (await ask("/api/later", { method: "POST" })).text()).toBe("answered");
  const log = async () => (await platform.cli("logs", deployment)).stdout;
  expect(await until(async () => (await log()).includes("done after the answer"))).toBe(true);
});

test("getEnv tells of the deployment", async () => {
  expect(await (await ask("/api/env")).json()).toMatchObject({ VERCEL: "1", VERCEL_ENV: "production" });
});

test("a middleware: next and rewrite, by place, with headers of request and answer", async () => {
  expect(await (await ask("/")).text()).toBe("home");
  expect(await (await ask("/", at({ country: "DE" }))).text()).toBe("startseite");
  expect(await (await ask("/mw/rewrite")).text()).toBe("startseite");
  const rewritten = await ask("/mw/edge-rewrite");
  expect([await rewritten.text(), rewritten.headers.get("x-said")]).toEqual(["startseite", "edge"]);
  const passed = await ask("/mw/edge-next");
  expect([passed.status, passed.headers.get("x-said")]).toEqual([404, "edge"]);
  const seen = await ask("/api/seen");
  expect([await seen.json(), seen.headers.get("x-said")]).toEqual([
    { url: "/api/seen", added: "by the middleware" },
    "functions",
  ]);
});
