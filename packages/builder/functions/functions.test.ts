import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { BuildProblem } from "../problem.ts";
import { discover } from "./discover.ts";
import { makeFunctions, writeFunctions } from "./emit.ts";
import { dynamicRoutes, middlewareRoutes } from "./routes.ts";
import { routeTable } from "./table.ts";

function folder(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "cloudify-functions-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const EDGE = 'export const config = { runtime: "edge" };\n';

async function build(files: Record<string, string>) {
  const root = folder(files);
  const made = await makeFunctions(root, await discover(root));
  await writeFunctions(join(root, "out"), made);
  const inputs = made.flatMap((one) => one.bundled.inputs);
  // Those of one name are told apart where they get their routes.
  routeTable({ routes: [], cleanUrls: null, trailingSlash: null }, [], made);
  const run = async (name: string, request: Request): Promise<Response> => {
    const { default: handler } = (await import(join(root, `out/functions/${name}.func/index.js`))) as {
      default(request: Request, context: object): Promise<Response>;
    };
    return handler(request, { waitUntil: () => undefined });
  };
  return { root, inputs, run };
}

const problemOf = (files: Record<string, string>): Promise<BuildProblem> =>
  build(files).then(
    () => expect.unreachable("it was built"),
    (error: unknown) => {
      if (error instanceof BuildProblem) return error;
      throw error;
    },
  );

const ask = (path: string, method = "GET") => new Request(`http://site.test${path}`, { method });

test("functions are found by their paths; helpers and declarations are none", async () => {
  const root = folder({
    "api/index.ts": "",
    "api/users/[id].ts": "",
    "api/_lib.ts": "",
    "api/types.d.ts": "",
    "api/readme.md": "",
    "api/blog/index.js": "",
    "src/middleware.ts": "",
  });
  expect((await discover(root)).map((one) => one.name)).toEqual([
    "api/blog",
    "api",
    "api/users/[id]",
    "_middleware",
  ]);
});

test("every way to write a handler becomes one that an isolate calls", async () => {
  const { run, inputs } = await build({
    "lib/greet.ts": "export const greet = (name: string): string => 'hello ' + name;",
    "api/default.ts": `import { greet } from "../lib/greet";\n${EDGE}export default () => new Response(greet("you"));`,
    "api/fetcher.js": `${EDGE}export default { fetch: () => new Response("fetched") };`,
    "api/both.ts": `${EDGE}export const GET = () => new Response("got");\nexport default () => new Response("default");`,
    "api/app.ts": `${EDGE}export const GET = () => new Response("got");\nexport default { fetch: () => new Response("app") };`,
    "api/methods.ts": `export const runtime = "edge";\nexport const GET = () => new Response("got", { headers: { "x-a": "1" } });`,
  });
  expect(await (await run("api/default", ask("/"))).text()).toBe("hello you");
  expect(await (await run("api/fetcher", ask("/"))).text()).toBe("fetched");
  expect(await (await run("api/methods", ask("/"))).text()).toBe("got");
  const head = await run("api/methods", ask("/", "HEAD"));
  expect([head.headers.get("x-a"), await head.text()]).toEqual(["1", ""]);
  for (const method of ["GET", "POST"]) {
    expect(await (await run("api/both", ask("/", method))).text()).toBe("default");
    expect(await (await run("api/app", ask("/", method))).text()).toBe("app");
  }
  const refused = await run("api/methods", ask("/", "POST"));
  expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  expect(inputs.some((path) => path.endsWith("lib/greet.ts"))).toBe(true);
});

test("an import cycle works, a text and a wasm file come along, stacks can be mapped", async () => {
  const { root, run } = await build({
    "api/a.ts": `import { b } from "../b";\nimport note from "../note.txt";\nimport add from "../add.wasm?module";\n${EDGE}export const a = () => "a";\nexport default () => new Response(b() + note + typeof add);`,
    "b.ts": 'import { a } from "./api/a";\nexport const b = () => "b" + a();',
    "note.txt": "noted",
    "add.wasm": "\0asm",
  });
  const code = readFileSync(join(root, "out/functions/api/a.func/index.js"), "utf8");
  const [, name = ""] = /from "\.\/(wasm\/[^"]+)"/.exec(code) ?? [];
  expect(readFileSync(join(root, "out/functions/api/a.func", name), "utf8")).toBe("\0asm");
  expect(JSON.parse(readFileSync(join(root, "out/functions/api/a.func/index.js.map"), "utf8"))).toMatchObject(
    { version: 3 },
  );
  await expect(run("api/a", ask("/"))).rejects.toThrow();
});

test.each<[matcher: unknown, asked: string[], not: string[]]>([
  [undefined, ["/", "/a", "/docs/", "/a/b.txt"], []],
  ["/", ["/", "/index"], ["/a"]],
  ["/admin", ["/admin", "/admin/"], ["/admin/a", "/admins", "/"]],
  ["/admin/:path*", ["/admin", "/admin/", "/admin/a", "/admin/a/b/"], ["/administrator"]],
  [
    ["/a", { source: "/b/:id" }],
    ["/a", "/a/", "/b/1", "/b/1/"],
    ["/b", "/b/", "/b/1/2"],
  ],
  ["/((?!api|_next/static|favicon.ico).*)", ["/", "/a/", "/a/b"], ["/api", "/api/x", "/favicon.ico"]],
])("a matcher stands for its paths with a slash at the end, too: %j", (matcher, asked, not) => {
  const patterns = middlewareRoutes(matcher).map(({ src }) => new RegExp(String(src)));
  const isAsked = (path: string) => patterns.some((one) => one.test(path));
  expect(asked.filter((path) => !isAsked(path))).toEqual([]);
  expect(not.filter(isAsked)).toEqual([]);
});

test("static names go before dynamic ones, and those before the rest of a path", () => {
  const names = ["api/[...all]", "api/[id]", "api/[id]/edit", "api/[a]/[x]", "api/a/[id]"];
  const order = dynamicRoutes(names).map((route) => route.dest);
  expect(order).toEqual([
    "/api/a/[id]?id=$p0",
    "/api/[id]?id=$p0",
    "/api/[id]/edit?id=$p0",
    "/api/[a]/[x]?a=$p0&x=$p1",
    "/api/[...all]?all=$p0",
  ]);
});

test.each(["api/[[...slug]]", "api/a[b]", "api/[a].b", "api/[]"])("%s is no name of a function", (name) => {
  expect(() => dynamicRoutes([name])).toThrow(
    expect.objectContaining({ code: "invalid_function_name", fix: expect.stringContaining("[...name]") }),
  );
});

test.each<[string, Record<string, string>, string, string]>([
  [
    "a syntax error",
    { "api/a.ts": `${EDGE}export default () => { let x = ; }` },
    "bundle_failed",
    "api/a.ts:2:",
  ],
  [
    "a missing import",
    { "api/a.ts": `import "./gone";\n${EDGE}export default 1` },
    "bundle_failed",
    'Could not resolve "./gone"',
  ],
  [
    "a missing package",
    { "api/a.ts": `import "not-there-at-all";\n${EDGE}export default 1` },
    "bundle_failed",
    "not-there-at-all",
  ],
  [
    "an import that leaves the folder",
    { "api/a.ts": `import "../../../../etc/hostname.js";\n${EDGE}export default 1` },
    "bundle_failed",
    "hostname",
  ],
  ["a Node function", { "api/a.ts": "export default () => 1" }, "functions_not_yet", "api/a.ts"],
  [
    "a module that isolates lack",
    { "api/a.ts": `import "node:child_process";\n${EDGE}export default 1` },
    "bundle_failed",
    "node:child_process",
  ],
  [
    "a config that must be run",
    { "api/a.ts": "export const config = { runtime: pick() };\nexport default 1" },
    "dynamic_config",
    "api/a.ts",
  ],
  [
    "two at one address",
    { "api/a.ts": `${EDGE}export default 1`, "api/a/index.ts": `${EDGE}export default 1` },
    "ambiguous_functions",
    "api/a",
  ],
  [
    "two dynamic ones at one address",
    { "api/[a].ts": `${EDGE}export default 1`, "api/[b].ts": `${EDGE}export default 1` },
    "ambiguous_functions",
    "api/[a]",
  ],
  [
    "a matcher that is no path",
    { "middleware.ts": 'export const config = { matcher: "about" };\nexport default 1' },
    "invalid_matcher",
    "about",
  ],
])("%s is refused, with a place and a fix", async (_, files, code, says) => {
  const problem = await problemOf(files);
  expect(problem.code).toBe(code);
  expect(problem.message).toContain(says);
  expect(problem.fix).toBeTruthy();
});
