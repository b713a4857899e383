import { expect, test } from "vitest";
import { compileRoutes } from "./compile.ts";
import { resolve, resolveError } from "./resolve.ts";
import type { RouteTable } from "./table.ts";

function table(routes: unknown[]): RouteTable {
  const compiled = compileRoutes({ routes });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
  return compiled.table;
}

const request = (path: string) => ({
  method: "GET",
  url: new URL(`http://site.test${path}`),
  header: () => null,
});
/** Each of these paths exists, and stands for itself. */
const among = (outputs: string[]) => async (path: string) => (outputs.includes(path) ? path : undefined);

test("an error route whose page is missing moves nothing: the next is matched with the path that was asked for", async () => {
  const routes = table([
    { handle: "error" },
    { src: "^/docs/.*$", status: 404, dest: "/docs/404?from=docs" },
    { src: "^/docs/de/.*$", status: 404, dest: "/de/404" },
    { src: "^/.*$", status: 404, dest: "/404" },
  ]);
  expect(await resolve(request("/docs/de/x"), routes, among(["/de/404", "/404"]))).toMatchObject({
    output: "/de/404",
    query: null,
  });
  expect(await resolve(request("/docs/en/x"), routes, among(["/de/404", "/404"]))).toMatchObject({
    output: "/404",
  });
});

test("an error route that leads outside gives no page: what failed is not asked once more", async () => {
  const routes = table([
    { handle: "error" },
    { src: "^/.*$", status: 500, dest: "https://status.test/500" },
    { src: "^/.*$", status: 500, dest: "/500" },
  ]);
  const found = await resolveError(request("/api/x"), routes, among(["/api/x", "/500"]), 500);
  expect(found).toMatchObject({ output: "/500" });
});

test("the page of a function that failed has what routes have said before, as that of nothing has", async () => {
  const seen = { src: "^/.*$", headers: { "x-own": "1", "cache-control": "public" }, continue: true };
  const firm = { src: "^/.*$", headers: { "x-firm": "1" }, important: true, continue: true };
  const page = { src: "^/.*$", headers: { "x-page": "1" }, dest: "/page" };
  const routes = table([seen, firm, { handle: "error" }, page]);
  const outputs = among(["/api/x", "/page"]);
  const found = await resolve(request("/api/x"), routes, outputs);
  if (found.kind !== "output") throw new Error(found.kind);
  const said = { ...found, headers: [...found.headers, ["set-cookie", "a=1"] as const] };
  const failed = await resolveError(request("/api/x"), routes, outputs, 500, said);
  const nothing = await resolve(request("/nowhere"), routes, outputs);
  expect(failed).toMatchObject({ output: "/page", status: 500 });
  expect(failed.firm).toEqual(nothing.firm);
  expect(failed.headers.filter(([name]) => name !== "set-cookie").sort()).toEqual(
    [...nothing.headers].sort(),
  );
  expect(failed.headers).toContainEqual(["set-cookie", "a=1"]);
});

test("conditions of error routes see the request as middlewares have left it", async () => {
  const mobile = { has: [{ type: "header", key: "x-device", value: "mobile" }] };
  const routes = table([
    { handle: "error" },
    { src: "^/.*$", ...mobile, dest: "/mobile" },
    { src: "^/.*$", dest: "/page" },
  ]);
  const change = {
    read: (name: string) => (name === "x-device" ? "mobile" : null),
    apply: (h: Headers) => h,
  };
  const said = { headers: [], firm: new Set<string>(), changes: [change] };
  const failed = await resolveError(request("/api/x"), routes, among(["/mobile", "/page"]), 500, said);
  expect(failed).toMatchObject({ output: "/mobile", changes: [change] });
});

test.each([200, 204])(
  "a route that says %i and leads nowhere answers so where nothing is, at once",
  async (status) => {
    const routes = table([
      { src: "^/health$", status, headers: { "x-a": "1" } },
      { handle: "filesystem" },
      { src: "^/.*$", dest: "/app" },
      { handle: "miss" },
      { src: "^/.*$", dest: "/app", check: true },
      { handle: "error" },
      { src: "^/.*$", dest: "/404" },
    ]);
    const outputs = ["/app", "/404"];
    const nothing = await resolve(request("/health"), routes, among(outputs));
    expect(nothing).toMatchObject({ kind: "status", status, headers: [["x-a", "1"]] });
    const something = await resolve(request("/health"), routes, among([...outputs, "/health"]));
    expect(something).toMatchObject({ kind: "output", output: "/health", status });
  },
);

test("one that goes on, or leads somewhere, is no answer by itself", async () => {
  const on = table([{ src: "^/a$", status: 200, continue: true }]);
  expect(await resolve(request("/a"), on, among([]))).toMatchObject({ kind: "status", status: 404 });
  const somewhere = table([{ src: "^/a$", status: 200, dest: "/b" }]);
  expect(await resolve(request("/a"), somewhere, among([]))).toMatchObject({ kind: "status", status: 404 });
});
