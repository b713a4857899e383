import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { socketTo } from "#tests/support/socket.ts";

const platform = new TestPlatform();
const CANARY = "canary-in-the-environment-0b6f";
let deployment: string;
const at = (path: string) => `http://chatty.localhost:${platform.port}${path}`;

beforeAll(async () => {
  await platform.start();
  const { id: project } = await platform.client.request("POST /api/projects", { body: { name: "chatty" } });
  const env = { key: "TOKEN", value: CANARY, targets: ["production" as const], sensitive: true };
  await platform.client.request("POST /api/projects/{project}/env", { params: { project }, body: env });
  const done = await deployFunctions(platform.client, project, {
    say: `console.log("at load"); export default (request) => { console.log("line", new URL(request.url).searchParams.get("n")); return new Response("said") }`,
    levels: `export default () => { console.debug("d"); console.info("i %d", 7); console.warn("w", { deep: { a: [1, { b: 2 }] } }); console.error(new Error("e")); return new Response("ok") }`,
    leak: `export default () => { console.log("the token is " + process.env.TOKEN); throw new Error(process.env.TOKEN) }`,
    late: `export default (_, { waitUntil }) => { waitUntil(new Promise((done) => setTimeout(() => { console.log("after the answer"); done() }, 200))); return new Response("ok") }`,
    leftovers: `export default () => { setTimeout(() => { throw new Error("thrown later") }, 10); return new Promise((done) => setTimeout(() => done(new Response("ok")), 100)) }`,
    slow: `export default () => { let on; const gate = new Promise((open) => { on = open; }); setTimeout(on, 20_000); return new Response(new ReadableStream({ async start(c) { console.log("it streams"); c.enqueue(new TextEncoder().encode("first")); await gate; c.close(); } })) }`,
    torn: `export default () => new Response(new ReadableStream({ async pull() { await null; throw new Error("torn") } }))`,
    socket: `export default () => {
      const { 0: theirs, 1: ours } = new WebSocketPair();
      const never = () => ours.send("not removed");
      ours.addEventListener("message", never);
      ours.removeEventListener("message", never);
      ours.addEventListener("message", ({ data }) => { console.log("heard " + data); if (data === "bad") throw new Error("in a listener"); ours.send("heard"); });
      ours.accept();
      return new Response(null, { status: 101, webSocket: theirs });
    }`,
    broken: `export default () => null.nothing`,
  });
  deployment = done.id;
});
afterAll(() => platform.remove());

const rows = () => rowsOf(deployment);
const rowsOf = async (of: string) =>
  (await platform.client.call("GET", `/api/deployments/${of}/events`).then(String))
    .split("\n")
    .filter((line) => line !== "")
    .map(
      (line) =>
        JSON.parse(line) as { seq: number; stream: string; level: string; text: string; gap?: number },
    );

test("each line is there once and in order, although its reader is cut off twenty times", async () => {
  const seen: string[] = [];
  let cursor = 0;
  let calls = 0;
  for (let cut = 0; cut < 20; cut++) {
    const stop = new AbortController();
    const wanted = calls + 5;
    const reading = (async () => {
      for await (const row of platform.client.follow(deployment, cursor, stop.signal)) {
        cursor = row.seq;
        if (row.text.startsWith("line ")) seen.push(row.text);
        if (seen.length === wanted) return;
      }
    })();
    for (; calls < wanted; calls++) await (await get(at(`/say?n=${calls}`))).text();
    await reading;
    stop.abort();
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => `line ${n}`));
  expect((await rows()).filter((row) => row.text === "at load")).toHaveLength(1);
});

test("levels, objects as Node prints them, the outcome of each request", async () => {
  await get(at("/levels"));
  const of = async () => (await rows()).filter((row) => row.stream === "function:levels");
  await expect.poll(async () => (await of()).length).toBe(5);
  const found = Object.fromEntries((await of()).map((row) => [row.level, row.text]));
  expect((await of()).map((row) => row.level).sort()).toEqual(["debug", "error", "info", "info", "warn"]);
  expect(found.debug).toBe("d");
  expect(found.warn).toBe("w { deep: { a: [ 1, [Object] ] } }");
  expect(found.error).toMatch(/^Error: e\n {4}at /);
  expect((await of()).map((row) => row.text)).toContain("i 7");
  const outcome = /^GET \/levels 200 in \d+ ms, cold, isolate [0-9a-f]{4}, request req_\w+$/;
  expect((await of()).some((row) => outcome.test(row.text))).toBe(true);
});

test("every request leaves its outcome within a second, faults too", async () => {
  const answer = await get(at("/broken?secret=1"));
  expect(answer.status).toBe(500);
  const id = answer.headers.get("x-cloudify-id");
  const line = async () => (await rows()).find((row) => row.text.includes(`request ${id}`));
  await expect.poll(line, { timeout: 1_000 }).toBeTruthy();
  expect(await line()).toMatchObject({ stream: "function:broken", level: "error" });
  expect((await line())?.text).toMatch(
    /^GET \/broken 500 in \d+ ms, cold, isolate \w{4}, request \w+, function_failed: The function threw an error\.$/,
  );
});

test("lines written after the answer arrive, and what is thrown then", async () => {
  await Promise.all([get(at("/late")), get(at("/leftovers"))]);
  const said = async () => (await rows()).map((row) => row.text).join("\n");
  await expect.poll(said).toContain("after the answer");
  await expect.poll(said).toContain("Uncaught Error: thrown later");
});

test("lines of a long stream come while it is written", async () => {
  const answer = await get(at("/slow"));
  const said = async () => (await rows()).map((row) => row.text).join("\n");
  await expect.poll(said, { timeout: 5_000 }).toContain("it streams");
  await answer.body?.cancel();
});

test("what a stream throws is told", async () => {
  await get(at("/torn"))
    .then((found) => found.text())
    .catch(() => undefined);
  const said = async () => (await rows()).map((row) => row.text).join("\n");
  await expect.poll(said).toContain("Uncaught Error: torn");
});

test("lines of a WebSocket come while it is open, and what its listeners throw", async () => {
  const socket = await socketTo(at("/socket"));
  socket.send("it");
  expect(await socket.next()).toBe("heard");
  const said = async () => (await rows()).map((row) => row.text).join("\n");
  await expect.poll(said).toContain("heard it");
  socket.send("bad");
  await expect.poll(said).toContain("Uncaught Error: in a listener");
  await socket.close(1000, "done");
});

test("values of the environment are masked", async () => {
  expect((await get(at("/leak"))).status).toBe(500);
  const said = async () => (await rows()).map((row) => row.text).join("\n");
  await expect.poll(said).toContain("the token is [masked]");
  await expect.poll(said).toContain("Error: [masked]");
  expect(await said()).not.toContain(CANARY);
  expect(platform.output).not.toContain(CANARY);
});

/** A deployment of its own: what one may write in a second is shared by all of its functions. */
async function alone(name: string, code: string) {
  const { id: project } = await platform.client.request("POST /api/projects", { body: { name } });
  const { id } = await deployFunctions(platform.client, project, { index: code });
  await get(`http://${name}.localhost:${platform.port}/`);
  return async () => (await rowsOf(id)).filter((row) => row.stream.startsWith("function:"));
}
const countedIn = (found: { text: string; gap?: number }[], line: RegExp) =>
  found.filter((row) => line.test(row.text)).length + found.reduce((sum, row) => sum + (row.gap ?? 0), 0);

test("a flood is capped, and one row says by how much", async () => {
  const found = await alone(
    "floods",
    `export default () => { for (let i = 0; i < 5000; i++) console.log("flood " + i); return new Response("ok") }`,
  );
  await expect.poll(async () => countedIn(await found(), /^flood /)).toBe(5_000);
  const gaps = (await found()).filter((row) => row.gap !== undefined);
  // It may have lasted beyond the end of a second.
  expect([1, 2]).toContain(gaps.length);
  expect((await found()).filter((row) => row.text.startsWith("flood ")).length).toBeLessThanOrEqual(
    gaps.length * 1_000,
  );
});

test("a line of a megabyte is cut, which it says, and hides none of those behind it", async () => {
  const found = await alone(
    "megabytes",
    `export default () => { console.log("x".repeat(1e6)); console.log("after it"); return new Response("ok") }`,
  );
  await expect.poll(async () => (await found()).map((row) => row.text)).toContain("after it");
  const long = (await found()).find((row) => row.text.startsWith("xxx"));
  expect(long?.text).toMatch(/^x{8000}… \(992000 characters cut\)$/);
});

test("of more than the runtime passes on, what is missing is counted", async () => {
  const found = await alone(
    "many",
    `export default () => { for (let i = 0; i < 60; i++) console.log("y".repeat(7000)); return new Response("ok") }`,
  );
  await expect.poll(async () => countedIn(await found(), /^yyy/)).toBe(60);
});

test("without API, objects and cron, from cold, functions answer with their environment", async () => {
  await platform.stop();
  await platform.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
  for (let i = 0; i < 10; i++) expect(await (await get(at("/say?n=x"))).text()).toBe("said");
  expect((await get(at("/leak"))).status).toBe(500);
  await platform.stop();
  await platform.start();
  expect(await (await get(at("/say?n=y"))).text()).toBe("said");
}, 120_000);

test("who follows the log of a function is let go when it is removed", async () => {
  const source = `export default () => new Response("short")`;
  const made = await platform.client.request("POST /api/functions", {
    body: { name: "short-lived", source },
  });
  const followed: string[] = [];
  const follow = async () => {
    for await (const row of platform.client.follow(made.deploymentId, 0)) followed.push(row.text);
  };
  const ended = follow();
  await expect.poll(() => followed.length).toBeGreaterThan(0);
  await platform.client.request("DELETE /api/functions/{function}", { params: { function: made.id } });
  await ended;
});
