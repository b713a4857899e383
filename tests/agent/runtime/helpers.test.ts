/** `req.query`, `req.cookies`, `req.body`, `res.send()` and the others, as `@vercel/node` gives them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answered, type Asked, endAll, nodeFunction, type Runtime, start } from "./start.ts";

const helped = (code: string): Promise<Runtime> =>
  start({ "a.cjs": code }, { a: nodeFunction("a.cjs", { hasHelpers: true }) });

/** Runs the code that a request brings along: one process for all of them. */
let shared: Runtime;
beforeAll(async () => {
  shared = await helped(
    "module.exports = (req, res) => new Function('req', 'res', decodeURIComponent(req.headers['x-code']))(req, res)",
  );
});
afterAll(endAll);

const answerOf = (code: string, { headers = {}, ...asked }: Asked = {}): Promise<Answered> =>
  shared.ask("a", { ...asked, headers: { ...headers, "x-code": encodeURIComponent(code) } });

/** What `res.json()` makes of an expression about the request. */
const asJson = async (expression: string, asked: Asked): Promise<unknown> =>
  JSON.parse((await answerOf(`res.json(${expression})`, asked)).text);

test("query and cookies", async () => {
  const seen = await asJson("[req.query, req.cookies]", {
    path: "/a?one=1&two=2&two=%203+4&__proto__=x&empty=#f",
    headers: { cookie: 'a=1; b="two%20words"; a=9; bad=%E0%A4%A; alone' },
  });
  const query = JSON.parse('{"one":"1","two":["2"," 3 4"],"__proto__":"x","empty":""}');
  expect(seen).toEqual([query, { a: "1", b: "two words", bad: "%E0%A4%A" }]);
});

test.each<[string, string | undefined, string, unknown]>([
  ["JSON", "application/json; charset=utf-8", '{"a":[1]}', { a: [1] }],
  ["no JSON at all", "application/json", "", {}],
  ["a form", "application/x-www-form-urlencoded", "a=1&a=2&b=x+y", { a: ["1", "2"], b: "x y" }],
  ["text", "Text/Plain", "grüß", "grüß"],
  ["bytes", "application/octet-stream", "ab", { type: "Buffer", data: [97, 98] }],
  ["another kind", "application/xml", "<a/>", null],
  ["no kind", undefined, "", ""],
])("a body of %s", async (_, type, body, expected) => {
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  expect(await asJson("req.body ?? null", { method: "POST", headers, body })).toEqual(expected);
});

test("malformed JSON is answered 400, unless the function catches it", async () => {
  const { ask } = await helped(`
    module.exports = (req, res) => {
      if (req.url === "/raw") return res.send("not read");
      if (req.url !== "/caught") return res.json(req.body);
      try { req.body } catch (error) { res.status(422).send(error.message) }
    }`);
  const post = (path: string): Promise<Answered> =>
    ask("a", { method: "POST", path, headers: { "content-type": "application/json" }, body: "{" });
  const refused = await post("/");
  expect(refused).toMatchObject({ status: 400, message: "Invalid JSON", text: "Invalid JSON\n" });
  expect(refused.headers["x-cloudify-ingress-fault"]).toBeUndefined();
  expect(await post("/caught")).toMatchObject({ status: 422, text: "Invalid JSON" });
  expect(await post("/raw")).toMatchObject({ status: 200, text: "not read" });
});

test("what was parsed can still be read as a stream, and another kind is streamed only", async () => {
  const { ask } = await helped(`
    module.exports = async (req, res) => {
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      res.json({ read: Buffer.concat(chunks).toString(), body: typeof req.body, method: req.method });
    }`);
  for (const [type, kind] of [
    ["application/json", "object"],
    ["multipart/form-data; boundary=x", "undefined"],
  ]) {
    const headers = { "content-type": type ?? "" };
    const { text } = await ask("a", { method: "PUT", headers, body: '{"a":1}' });
    expect(JSON.parse(text)).toEqual({ read: '{"a":1}', body: kind, method: "PUT" });
  }
});

test("one connection serves many requests with bodies, whether they are read or not", async () => {
  const { Agent } = await import("node:http");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { ask } = await helped(
    "module.exports = (req, res) => res.json([req.socket.remotePort, req.query.read && req.body])",
  );
  const ports = new Set<unknown>();
  for (const read of ["", "1", "", "1"]) {
    const headers = { "content-type": "application/json" };
    const { text } = await ask("a", {
      method: "POST",
      path: `/?read=${read}`,
      headers,
      body: '{"a":1}',
      agent,
    });
    ports.add(JSON.parse(text)[0]);
  }
  agent.destroy();
  expect(ports.size).toBe(1);
});

/** Expected values: what Express and `@vercel/node` answer. */
test.each<[string, { status?: number; text: string; headers: Record<string, string | undefined> }]>([
  [
    "res.send('hello')",
    {
      text: "hello",
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-length": "5",
        etag: 'W/"5-qvTGHdzF6KLavt4PO0gs2a6pQ00"',
      },
    },
  ],
  [
    "res.send('')",
    { text: "", headers: { "content-length": "0", etag: 'W/"0-2jmj7l5rSw0yVb/vlWAYkK/YBwk"' } },
  ],
  ["res.send(Buffer.from('hi'))", { text: "hi", headers: { "content-type": "application/octet-stream" } }],
  ["res.send({ a: 1 })", { text: '{"a":1}', headers: { "content-type": "application/json; charset=utf-8" } }],
  ["res.send(null)", { text: "", headers: { "content-length": "0", "content-type": undefined } }],
  ["res.send(7)", { text: "7", headers: { "content-type": "application/json; charset=utf-8" } }],
  ["res.json('é')", { text: '"é"', headers: { "content-length": "4" } }],
  ["res.json(null)", { text: "null", headers: {} }],
  ["res.status(201).json([])", { status: 201, text: "[]", headers: {} }],
  [
    "res.setHeader('content-type', 'text/css; charset=latin1'), res.send('a')",
    { text: "a", headers: { "content-type": "text/css; charset=utf-8" } },
  ],
  ["res.setHeader('etag', 'mine'), res.send('a')", { text: "a", headers: { etag: "mine" } }],
  [
    "res.status(204).send('gone')",
    { status: 204, text: "", headers: { "content-type": undefined, "content-length": undefined } },
  ],
  [
    "res.status(304).json({})",
    { status: 304, text: "", headers: { "content-type": undefined, "content-length": undefined } },
  ],
  ["res.redirect('/there')", { status: 307, text: "", headers: { location: "/there" } }],
  [
    "res.redirect(301, 'https://a.example/')",
    { status: 301, text: "", headers: { location: "https://a.example/" } },
  ],
])("%s", async (code, { status = 200, text, headers }) => {
  const answer = await answerOf(code);
  expect([answer.status, answer.text]).toEqual([status, text]);
  for (const [name, value] of Object.entries(headers)) expect(answer.headers[name]).toBe(value);
});

test("an answer to HEAD has the head of the answer to GET, and no body", async () => {
  const { headers, text } = await answerOf("res.json({ a: 1 })", { method: "HEAD" });
  expect([headers["content-length"], text]).toEqual(["7", ""]);
});

test.each([
  ["res.send(10n)", "not a bigint"],
  ["res.send(() => {})", "not a function"],
  ["res.redirect()", "takes a URL"],
])("%s is an error that says what it takes", async (code, text) => {
  expect((await answerOf(code)).status).toBe(500);
  expect((await shared.line(text)).level).toBe("error");
});

test("what a function assigns to req.body stands", async () => {
  expect(
    await asJson("((req.body = { mine: true }), req.body)", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    }),
  ).toEqual({ mine: true });
});

test("a body that can't be held in memory is refused with what to do", async () => {
  const { ask } = await helped("module.exports = (req, res) => res.send('read')");
  const body = Buffer.alloc(64 * 1024 * 1024 + 1);
  const { status, text } = await ask("a", {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body,
  });
  expect(status).toBe(413);
  expect(text).toContain("NODEJS_HELPERS=0");
});
