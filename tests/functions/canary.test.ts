/** A value of a deployment's environment stands nowhere but in its isolate, whatever its function does with it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytesOf, filesOf, finder } from "#tests/support/canary.ts";
import { deployFunctions, edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const platform = new TestPlatform();
/** With what each encoding writes in a way of its own. */
const CANARY = 'canary "5f1d\\8c0e" of/the+test?&é';
const PLAIN = "canary-0b6f5f1d8c0e77aa";

/** Each in a function of its own. `a` is the one value, `b` the other. */
const LEAKS: Record<string, string> = {
  plain: "console.log(a, b)",
  message: "throw new Error(a + b)",
  name: "const e = new TypeError('x'); e.name = b; throw e",
  cause: "throw new Error('outer', { cause: new Error(b) })",
  property: "throw Object.assign(new Error('x'), { a, b })",
  object: "console.warn({ deep: { a, b: [b] } }); console.dir({ a }); console.table([{ a, b }])",
  json: "console.info(JSON.stringify({ a, b }))",
  "json-twice": "console.info(JSON.stringify(JSON.stringify({ b })))",
  url: "console.log(encodeURIComponent(a), new URLSearchParams({ a, b }).toString(), encodeURI(a))",
  base64:
    "for (const s of ['', 'x', 'xy']) console.log(btoa(s + b), btoa(s + b + s), Buffer.from(s + a).toString('base64'), Buffer.from(s + a).toString('base64url'))",
  hex: "console.log(Buffer.from(b).toString('hex'))",
  joints: "for (let i = 1; i < b.length; i++) console.log(b.slice(0, i), b.slice(i))",
  parts: "console.log([b.slice(0, 9), b.slice(9)], b.slice(0, 5), b.slice(5, 12), b.slice(12))",
  cut: "console.log('x'.repeat(7990) + b); console.log('x'.repeat(7999 - b.length) + b + 'x'.repeat(1e5))",
  trace:
    "console.trace(b); console.assert(false, b); console.count(b); console.time(b); console.timeEnd(b); console.group(b)",
  function: "const named = { [b]() { throw new Error('in it') } }; named[b]()",
  header: "return new Response('x', { headers: { 'bad\\n': b } })",
  url2: "await fetch('http://' + b + '.localhost:1/')",
  late: "context.waitUntil(Promise.reject(new Error(b)))",
  loaded: "return 1",
};

let deployment: string;
let failed: string;

beforeAll(async () => {
  await platform.start();
  const { id: project } = await platform.client.request("POST /api/projects", { body: { name: "leaky" } });
  for (const [key, value] of [
    ["A", CANARY],
    ["B", PLAIN],
  ] as const) {
    const body = { key, value, targets: ["production" as const, "preview" as const], sensitive: key === "A" };
    await platform.client.request("POST /api/projects/{project}/env", { params: { project }, body });
  }
  const functions = Object.entries(LEAKS).map(([name, code]) => [
    name,
    `const a = process.env.A, b = process.env.B; console.log("at load", b);
     export default async (request, context) => { ${code}; return new Response("ok") }`,
  ]);
  const unloadable = `throw new Error("at load " + process.env.B)`;
  const done = await deployFunctions(platform.client, project, {
    ...Object.fromEntries(functions),
    unloadable,
  });
  deployment = done.id;
  // Its map names the value as the file: what it takes for secret is not the maps' to know.
  const map = JSON.stringify({
    version: 3,
    sources: [`src/${PLAIN}.ts`],
    names: [],
    mappings: "AAAA;AAAA;AAAA",
  });
  const mapped = edge("mapped", `export default () => {\n  throw new Error("mapped") }`, {
    "index.js.map": map,
  });
  failed = (await deployTree(platform.client, project, { ...tree({}), ...mapped }, { target: "production" }))
    .id;
});
afterAll(() => platform.remove());

const found = finder(CANARY, PLAIN);

test("not in an answer, whether it is an error's page or a log in any of its shapes", async () => {
  const names = [...Object.keys(LEAKS), "unloadable"];
  const { url } = await platform.client.request("GET /api/deployments/{deployment}", {
    params: { deployment },
  });
  for (const name of names) {
    const answer = await get(`${url}/${name}/`);
    expect(found(`${JSON.stringify([...answer.headers])}${await answer.text()}`), name).toEqual([]);
  }
  // In an address, its function's own line would show it.
  await get(`${url}/plain/${PLAIN}?q=${PLAIN}`);
  await get(`${url}/plain?q=${PLAIN}`);
  await get(`http://leaky.localhost:${platform.port}/mapped`);
  const events = (of: string, accept: string) =>
    get(`${platform.api}/api/deployments/${of}/events`, {
      headers: { authorization: `Bearer ${platform.token}`, accept },
    }).then((answer) => answer.text());
  // All of them have been called, and each call has left its line.
  const calls = async () => (await events(deployment, "application/x-ndjson")).match(/ in \d+ ms, /g)?.length;
  await expect.poll(calls).toBeGreaterThanOrEqual(names.length);
  await expect.poll(() => events(failed, "application/x-ndjson")).toContain("src/[masked].ts:");
  for (const of of [deployment, failed])
    for (const accept of ["application/x-ndjson", "text/event-stream"]) {
      const text = await events(of, accept);
      expect(text).toContain("[masked]");
      expect(found(text)).toEqual([]);
      // Of the lines that lie over joints: neither with what was put between them.
      expect(found(text.replaceAll(" ", ""))).toEqual([]);
    }
});

test("not in what the API tells of it, nor in the audit trail", async () => {
  const paths = ["/api/teams/local/audit?limit=100", "/api/projects/leaky", `/api/deployments/${deployment}`];
  const texts = await Promise.all(paths.map((path) => platform.client.call("GET", path)));
  expect(found(JSON.stringify(texts))).toEqual([]);
  const { stdout } = await platform.cli("logs", deployment, "--json");
  expect(found(stdout)).toEqual([]);
});

test("not in what the platform printed, nor in any file of its home", async () => {
  expect(found(platform.output)).toEqual([]);
  await platform.stop();
  const files = filesOf(platform.home).map(bytesOf);
  // The one map names it as a file, and came from outside so; it is kept as a blob and beside the code.
  const own = files.filter((text) => !/\\?"sources\\?":\[\\?"src\/canary/.test(text));
  const parts = /canary "5f1d|canary-0b6f5f1d/;
  expect(
    own.filter((text) => parts.test(text) || found(text).length > 0).map((text) => text.slice(0, 99)),
  ).toEqual([]);
  // It is the log that was searched, among others.
  expect(own.some((text) => text.includes("at load [masked]"))).toBe(true);
  await platform.start();
});
