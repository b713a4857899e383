import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

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
    flood: `export default () => { for (let i = 0; i < 2000; i++) console.log("flood " + i); return new Response("ok") }`,
  });
  deployment = done.id;
});
afterAll(() => platform.remove());

const rows = async () =>
  (await platform.client.call("GET", `/api/deployments/${deployment}/events`).then(String))
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
  expect((await of()).some((row) => /^GET \/levels 200 in \d+ ms, cold$/.test(row.text))).toBe(true);
});

test("values of the environment are masked", async () => {
  expect((await get(at("/leak"))).status).toBe(500);
  const said = async () => (await rows()).map((row) => row.text).join("\n");
  await expect.poll(said).toContain("the token is [masked]");
  await expect.poll(said).toContain("Error: [masked]");
  expect(await said()).not.toContain(CANARY);
  expect(platform.output).not.toContain(CANARY);
});

test("a flood is capped, and the gap says by how much", async () => {
  await get(at("/flood"));
  await expect
    .poll(async () => {
      const of = (await rows()).filter((row) => row.stream === "function:flood");
      const lines = of.filter((row) => row.text.startsWith("flood ")).length;
      return lines + of.reduce((sum, row) => sum + (row.gap ?? 0), 0);
    })
    .toBe(2000);
  expect((await rows()).some((row) => (row.gap ?? 0) > 0)).toBe(true);
});

test("without API, objects and cron, from cold, functions answer with their environment", async () => {
  await platform.stop();
  await platform.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
  for (let i = 0; i < 10; i++) expect(await (await get(at("/say?n=x"))).text()).toBe("said");
  expect((await get(at("/leak"))).status).toBe(500);
  await platform.stop();
  await platform.start();
  expect(await (await get(at("/say?n=y"))).text()).toBe("said");
});
