import { expect, test } from "vitest";
import { parseConfig } from "../config.ts";
import { routeTable } from "./table.ts";

const middleware = {
  source: { file: "middleware.ts", name: "_middleware", kind: "middleware" },
  matcher: "/a/:path*",
} as const;
const dynamic = {
  source: { file: "api/[id].ts", name: "api/[id]", kind: "function" },
  matcher: undefined,
} as const;
const routesOf = (config: object) => parseConfig("vercel.json", JSON.stringify(config)).routes;
/** What tells a route from others. */
const shown = (routes: ReturnType<typeof routeTable>) =>
  routes.map((route) =>
    "handle" in route ? route.handle : (route.middlewarePath ?? route.dest ?? route.headers ?? route.status),
  );

test("a middleware stands behind redirects and headers, and before files and rewrites", () => {
  const own = routesOf({
    redirects: [{ source: "/old", destination: "/new" }],
    headers: [{ source: "/(.*)", headers: [{ key: "x-a", value: "1" }] }],
    rewrites: [{ source: "/as/:id", destination: "/api/:id" }],
  });
  const built = [{ handle: "miss" }, { src: "/x", dest: "/x.html", check: true }] as const;
  expect(shown(routeTable({ routes: own }, built, [middleware, dynamic]))).toEqual([
    { Location: "/new" },
    { "x-a": "1" },
    "_middleware",
    "filesystem",
    expect.stringMatching(/^\/api\/\$1/),
    "/api/[id]?id=$p0",
    "miss",
    "/x.html",
  ]);
});

test.each<[string, object]>([
  ["rewrites", { src: "/b", dest: "/a/b" }],
  ["rewrites and goes on", { src: "/b", dest: "/a/b", continue: true }],
  ["ends the phase", { src: "/a/b", headers: { "x-b": "1" } }],
  ["looks for files", { src: "/a/b", status: 404, check: true }],
  ["only sets a status", { src: "/a/b", status: 301 }],
])("no old route gets past a middleware: one that %s stands behind it", (_, route) => {
  const own = routesOf({
    routes: [{ src: "/c", status: 403 }, { src: "/d", dest: "/e", status: 307 }, route],
  });
  const found = routeTable({ routes: own }, [], [middleware]);
  expect(shown(found).slice(0, 3)).toEqual([403, "/e", "_middleware"]);
  expect(found).toHaveLength(4);
});

test("what a build's own routes lead to is guarded, too", () => {
  const built = [
    { src: "/a/b", headers: { "x-b": "1" } },
    { handle: "filesystem" },
    { src: "/.*", dest: "/fn" },
  ] as const;
  expect(shown(routeTable({ routes: [] }, built, [middleware, dynamic]))).toEqual([
    "_middleware",
    { "x-b": "1" },
    "filesystem",
    "/api/[id]?id=$p0",
    "/fn",
  ]);
});
