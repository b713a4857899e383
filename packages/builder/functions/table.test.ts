import { expect, test } from "vitest";
import { compileRoutes } from "../../../features/routing/compile.ts";
import { resolve } from "../../../features/routing/resolve.ts";
import { parseConfig } from "../config.ts";
import { routeTable } from "./table.ts";

const middleware = {
  source: { file: "middleware.ts", name: "_middleware", kind: "middleware" },
  matcher: "/a/:path*",
} as const;
const settingsOf = (config: object) => parseConfig("vercel.json", JSON.stringify(config));
const of = (file: string, name = file.replace(/\.\w+$/, "")) =>
  ({ source: { file, name, kind: "function" }, matcher: undefined }) as const;
const dynamic = of("api/[id].ts");
/** What tells a route from others. */
const shown = (routes: ReturnType<typeof routeTable>) =>
  routes.map((route) =>
    "handle" in route ? route.handle : (route.middlewarePath ?? route.dest ?? route.headers ?? route.status),
  );

test("a middleware stands behind redirects and headers, and before files and rewrites", () => {
  const own = settingsOf({
    redirects: [{ source: "/old", destination: "/new" }],
    headers: [{ source: "/(.*)", headers: [{ key: "x-a", value: "1" }] }],
    rewrites: [{ source: "/as/:id", destination: "/api/:id" }],
  });
  const built = [{ handle: "miss" }, { src: "/x", dest: "/x.html", check: true }] as const;
  expect(shown(routeTable(own, built, [middleware, dynamic]))).toEqual([
    { Location: "/new" },
    { "x-a": "1" },
    "_middleware",
    "filesystem",
    expect.stringMatching(/^\/api\/\$1/),
    "/api/[id]?id=$p0",
    404,
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
  const own = settingsOf({
    routes: [{ src: "/c", status: 403 }, { src: "/d", dest: "/e", status: 307 }, route],
  });
  const found = routeTable(own, [], [middleware]);
  expect(shown(found).slice(0, 3)).toEqual([403, "/e", "_middleware"]);
  expect(found).toHaveLength(4);
});

test("what a build's own routes lead to is guarded, too", () => {
  const built = [
    { src: "/a/b", headers: { "x-b": "1" } },
    { handle: "filesystem" },
    { src: "/.*", dest: "/fn" },
  ] as const;
  expect(shown(routeTable(settingsOf({}), built, [middleware, dynamic]))).toEqual([
    "_middleware",
    { "x-b": "1" },
    "filesystem",
    "/api/[id]?id=$p0",
    404,
    "/fn",
  ]);
});

/** Where a request ends; outputs are these functions and the page of an error. */
async function answer(config: object, made: Parameters<typeof routeTable>[2], path: string): Promise<string> {
  const error = [{ handle: "error" }, { src: "^(?!/api).*$", status: 404, dest: "/404.html" }] as const;
  const compiled = compileRoutes({ routes: routeTable(settingsOf(config), error, made), wildcard: [] });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
  const there = new Set(["/404.html", "/api/client.js", ...made.map((one) => `/${one.source.name}`)]);
  const request = { method: "GET", url: new URL(`http://site.test${path}`), header: () => null };
  const found = await resolve(request, compiled.table, async (at) => (there.has(at) ? at : undefined));
  if (found.kind === "output") return `${found.output} ${found.status ?? 200}`;
  if (found.kind === "redirect") return `${found.status} ${found.location}`;
  return found.kind === "status" ? String(found.status) : found.kind;
}

const some = [of("api/hello.ts"), of("api/index.js", "api"), of("api/users/[id].ts")];
test.each<[config: object, made: Parameters<typeof routeTable>[2], path: string, expected: string]>([
  [{}, some, "/api/hello", "/api/hello 200"],
  [{}, some, "/api/hello.ts", "/api/hello 200"],
  [{}, some, "/api/hello.mjs", "404"],
  [{}, some, "/api/client.js", "/api/client.js 200"],
  [{}, some, "/api/users/7", "/api/users/[id] 200"],
  [{}, some, "/api/users/[id].ts", "/api/users/[id] 200"],
  [{}, some, "/api/none", "404"],
  [{}, some, "/api/none.js", "404"],
  [{}, some, "/none", "/404.html 404"],
  [{ cleanUrls: true }, some, "/api/hello.ts", "308 /api/hello"],
  [{ cleanUrls: true }, some, "/api/index", "308 /api"],
  [{ cleanUrls: true, trailingSlash: true }, some, "/api/hello.ts", "308 /api/hello/"],
  // Its middleware knows it by one name.
  [{}, [...some, middleware], "/api/hello.ts", "404"],
  [{}, [...some, middleware], "/api/client.js", "/api/client.js 200"],
  [{}, [middleware], "/api/none", "404"],
])("of functions, as fs-detectors has it: %j %#: %s", async (config, made, path, expected) => {
  expect(await answer(config, made, path)).toBe(expected);
});
