/** Every way in which a module can say how it is called. */
import { afterEach, describe, expect, test } from "vitest";
import { endAll, nodeFunction, start } from "./start.ts";

afterEach(endAll);

const HELLO = "(req, res) => res.end('hello ' + req.url)";

describe("a function (req, res)", () => {
  test.each([
    ["module.exports", "a.cjs", `module.exports = ${HELLO}`],
    ["a CommonJS file ending in .js", "a.js", `module.exports = ${HELLO}`],
    [
      "exports.default, as compilers write it",
      "a.cjs",
      `exports.__esModule = true; exports.default = ${HELLO}`,
    ],
    ["a default within a default", "a.cjs", `exports.default = { default: ${HELLO} }`],
    ["export default", "a.mjs", `export default ${HELLO}`],
    ["an asynchronous one, after top-level await", "a.mjs", `await 1; export default async ${HELLO}`],
  ])("%s", async (_, path, code) => {
    const { ask } = await start({ [path]: code });
    expect(await ask("a", { path: "/b?c=d%20e" })).toMatchObject({ status: 200, text: "hello /b?c=d%20e" });
  });
});

describe("a handler of the web's kind", () => {
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "shop.example" };

  test("functions of methods, by their names", async () => {
    const { ask } = await start({
      "a.mjs": `
        export const GET = (request) => new Response(request.method + " " + request.url, { headers: { "x-a": "1" } });
        export async function POST(request) { return Response.json({ got: await request.json() }, { status: 201 }); }`,
    });
    const got = await ask("a", { path: "/p?q=1", headers: forwarded });
    expect(got).toMatchObject({ status: 200, text: "GET https://shop.example/p?q=1" });
    expect(got.headers["x-a"]).toBe("1");
    const posted = await ask("a", { method: "POST", body: '{"n":1}' });
    expect(posted).toMatchObject({ status: 201, text: '{"got":{"n":1}}' });
    expect(await ask("a", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
    const refused = await ask("a", { method: "DELETE" });
    expect(refused).toMatchObject({ status: 405 });
    expect(refused.headers.allow).toBe("GET, POST, HEAD, OPTIONS");
    expect((await ask("a", { method: "OPTIONS" })).status).toBe(204);
    expect((await ask("a", { method: "PURGE" })).status).toBe(405);
  });

  test.each([
    [
      "export default { fetch }",
      "export default { word: 'hi', fetch(request) { return new Response(this.word + new URL(request.url).pathname) } }",
    ],
    [
      "export const fetch",
      "export const fetch = (request) => new Response('hi' + new URL(request.url).pathname)",
    ],
  ])("%s", async (_, code) => {
    const { ask } = await start({ "a.mjs": code });
    for (const method of ["GET", "PUT", "OPTIONS"]) {
      expect(await ask("a", { method, path: "//x" })).toMatchObject({ status: 200, text: "hi//x" });
    }
  });

  const ECHO = "async (request) => new Response(request.method + ' ' + await request.text())";
  test.each([
    ["export default { fetch }", `export default { fetch: ${ECHO} }`, {}],
    ["useWebApi", `export default ${ECHO}`, { isWeb: true as const }],
    ["fetch beside a named one", `export const GET = () => {}; export const fetch = ${ECHO}`, {}],
  ])("%s takes every method that a Request can have", async (_, code, more) => {
    const { ask } = await start({ "a.mjs": code }, { a: nodeFunction("a.mjs", more) });
    for (const method of ["POST", "PURGE", "PROPFIND", "REPORT"]) {
      expect(await ask("a", { method, body: "b" })).toMatchObject({ status: 200, text: `${method} b` });
    }
    expect(await ask("a", { method: "TRACE" })).toMatchObject({ status: 405 });
    expect(await ask("a", { method: "PUT", body: "after" })).toMatchObject({ text: "PUT after" });
  });

  test("a function that takes a Request, where the output says so", async () => {
    const { ask } = await start(
      { "a.mjs": "export default (request) => new Response(request.headers.get('x-a'))" },
      { a: nodeFunction("a.mjs", { isWeb: true }) },
    );
    expect((await ask("a", { headers: { "x-a": "b" } })).text).toBe("b");
  });

  test("cookies stay apart, an empty answer has no body", async () => {
    const { ask } = await start({
      "a.mjs": `
        export const GET = () => {
          const headers = new Headers({ location: "/" });
          headers.append("set-cookie", "a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT");
          headers.append("set-cookie", "b=2");
          return new Response(null, { status: 303, headers });
        }`,
    });
    const { status, headers, text } = await ask("a");
    expect([status, text]).toEqual([303, ""]);
    expect(headers["set-cookie"]).toEqual(["a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT", "b=2"]);
  });
});

describe("a module that starts a server", () => {
  test.each([
    ["at once", "a.cjs", `require('http').createServer(${HELLO}).listen(3000)`],
    [
      "at PORT, and waits for it",
      "a.mjs",
      `
      import { createServer } from "node:http";
      const server = createServer(${HELLO});
      await new Promise((resolve) => server.listen(process.env.PORT, "0.0.0.0", resolve));
      if (!server.listening || server.address().port !== Number(process.env.PORT)) throw new Error("it does not listen");`,
    ],
    [
      "after something else",
      "a.cjs",
      `
      const { createServer } = require("http");
      setTimeout(() => createServer(${HELLO}).listen({ port: 3000 }), 100)`,
    ],
    ["which it exports", "a.cjs", `module.exports = require('http').createServer(${HELLO})`],
    [
      "at two addresses, as Fastify does",
      "a.cjs",
      `
      const { createServer } = require("http");
      const listen = (host, then) => createServer(${HELLO}).listen({ port: 3000, host }, then);
      listen("127.0.0.1", () => setImmediate(listen, "::1"))`,
    ],
  ])("%s", async (_, path, code) => {
    const { ask } = await start({ [path]: code });
    for (const url of ["/x", "/y"]) {
      expect(await ask("a", { path: url })).toMatchObject({ status: 200, text: `hello ${url}` });
    }
  });

  test("is answered 500 when its listener's promise fails", async () => {
    const { ask, line } = await start({
      "a.cjs": "require('http').createServer(async () => { throw new Error('of the listener') }).listen(1)",
    });
    expect((await ask("a")).status).toBe(500);
    expect((await line("of the listener")).function).toBe("a");
  });
});

test("an application that is a function with listen keeps its own req.query", async () => {
  const { ask } = await start(
    {
      "a.cjs": `
        const app = (req, res) => res.end(String(req.query));
        app.listen = () => {};
        module.exports = app;`,
    },
    { a: nodeFunction("a.cjs", { hasHelpers: true }) },
  );
  expect((await ask("a", { path: "/?b=1" })).text).toBe("undefined");
});

test("functions that share a module are told apart by nothing but their names", async () => {
  const code =
    "let calls = 0; require('http').createServer((req, res) => res.end(String(++calls))).listen(1)";
  const { ask } = await start(
    { "a.cjs": code },
    { "blog/[slug]": nodeFunction("a.cjs"), über: nodeFunction("a.cjs") },
  );
  expect((await ask("blog/[slug]")).text).toBe("1");
  expect((await ask(encodeURIComponent("über"))).text).toBe("2");
});

test("a module is run once, in the function's folder", async () => {
  const files = { "in/a.cjs": "const at = process.cwd(); module.exports = (req, res) => res.end(at)" };
  const { ask, root } = await start(files, { a: nodeFunction("in/a.cjs", { cwd: "in" }) });
  expect((await ask("a")).text).toBe(`${root}/in`);
});

test("the host is the one that the visitor asked for, not the ingress", async () => {
  const { ask } = await start({
    "a.cjs":
      "module.exports = (req, res) => res.end(req.headers.host + ' ' + req.rawHeaders.filter((_, i, all) => /^host$/i.test(all[i - 1])))",
    "b.mjs":
      "export const GET = (request) => new Response(request.headers.get('host') + ' ' + new URL(request.url).host)",
  });
  const headers = { host: "ingress.internal", "x-forwarded-host": "shop.example" };
  for (const name of ["a", "b"]) {
    expect((await ask(name, { headers })).text).toBe("shop.example shop.example");
  }
});

test("what is between the ingress and the process stays there", async () => {
  const { ask } = await start({
    "a.cjs": "module.exports = (req, res) => res.end(JSON.stringify([req.headers, req.rawHeaders]))",
  });
  const { text } = await ask("a", {
    headers: { "x-cloudify-ingress-key": "secret", "x-cloudify-timeout-ms": "5000", "X-Kept": "yes" },
  });
  expect(text).not.toMatch(/x-cloudify/i);
  expect(text).toContain('"X-Kept","yes"');
});
