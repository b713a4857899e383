import { expect, test } from "vitest";
import { compileRoutes } from "./compile.ts";
import type { Decision } from "./resolution.ts";
import { resolve } from "./resolve.ts";

const GO_ON: Decision<string> = { kind: "go-on", rewrite: null, headers: [], request: null };

/** @param decide What the middlewares say. */
async function ask(path: string, routes: unknown[], decide: (name: string) => Decision<string>) {
  const compiled = compileRoutes({ routes });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues));
  const asked: string[] = [];
  const found = await resolve<string, string>(
    { method: "GET", url: new URL(`http://site.test${path}`), header: () => null },
    compiled.table,
    async (pathname) => (pathname === "/a" || pathname === "/b" ? pathname : undefined),
    async (name) => {
      asked.push(name);
      return decide(name);
    },
  );
  return { asked, found };
}

// One route for each matcher, as Vercel's builder writes them.
const matched = (src: string, headers: Record<string, string>, middlewarePath = "_middleware") => ({
  src,
  middlewarePath,
  headers,
  continue: true,
});

test("a middleware is asked once, however many of its matchers fit; headers of each route are set", async () => {
  const routes = [matched("^/a$", { "x-one": "1" }), matched("^/.*$", { "x-two": "2" })];
  const { asked, found } = await ask("/a", routes, () => ({ ...GO_ON, headers: [["set-cookie", "a=1"]] }));
  expect(asked).toEqual(["_middleware"]);
  expect(found.headers).toEqual([
    ["x-one", "1"],
    ["x-two", "2"],
    ["set-cookie", "a=1"],
  ]);
});

test("where it leads elsewhere, it is not asked about that again", async () => {
  const routes = [matched("^/a$", {}), matched("^/b$", {})];
  const { asked, found } = await ask("/a", routes, () => ({ ...GO_ON, rewrite: "/b" }));
  expect(asked).toEqual(["_middleware"]);
  expect(found).toMatchObject({ kind: "output", output: "/b" });
});

test("a route that transforms leads nobody past a middleware, as Next.js's builder names server actions", async () => {
  const set = { type: "request.headers", op: "set", target: { key: "x-server-action-name" }, args: "act" };
  const routes = [{ src: "/(.*)", transforms: [set] }, matched("^/a$", {})];
  expect((await ask("/a", routes, () => GO_ON)).asked).toEqual(["_middleware"]);
});

test("two middlewares are asked in turn, and the first that answers ends it", async () => {
  const routes = [matched("^/a$", {}, "one"), matched("^/.*$", {}, "two"), matched("^/.*$", {}, "three")];
  const { asked, found } = await ask("/a", routes, (name) =>
    name === "two" ? { kind: "answer", answer: "no entry" } : GO_ON,
  );
  expect(asked).toEqual(["one", "two"]);
  expect(found).toMatchObject({ kind: "answer", answer: "no entry" });
});
