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
