import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();
const { at } = platform;

beforeAll(async () => {
  await platform.start();
  for (const [name, functions] of Object.entries({
    culprit: {
      spin: `export default () => { for (;;); }`,
      memory: `export default () => { const held = []; for (;;) held.push(new Uint8Array(5e7).fill(1)); }`,
      gigabyte: `export default () => { const held = []; for (let i = 0; i < 22; i++) held.push(new Uint8Array(5e7).fill(1));
        return new Response(String(held.length)); }`,
      streams: `export default () => { const { readable, writable } = new TransformStream(); const w = writable.getWriter();
        (async () => { await w.write(new Uint8Array(10)); await new Promise((r) => setTimeout(r, 100)); for (;;); })();
        return new Response(readable); }`,
      later: `export default (r, { waitUntil }) => {
        waitUntil(new Promise((y) => setTimeout(y, 3000)).then(() => { for (;;); })); return new Response("answered"); }`,
      blocks: `export default () => { const until = Date.now(); let n = 0; for (let i = 0; i < 2e8; i++) n += i; return new Response("done " + (n > 0)); }`,
    },
    neighbour: { hello: `export default () => new Response("hello")` },
  })) {
    // Each of its own project: of one that has several guilty ones, the others are kept away from the neighbours.
    const all = Object.entries(functions as Record<string, string>);
    const projects = name === "culprit" ? all.map((one) => [one[0], [one]] as const) : [[name, all] as const];
    for (const [project, own] of projects) {
      const { id } = await platform.client.request("POST /api/projects", { body: { name: project } });
      await deployFunctions(platform.client, id, Object.fromEntries(own), {}, { "a.txt": "static" });
    }
  }
});
afterAll(() => platform.remove());

const platformPids = () => platform.output.match(/"at":"watchdog"[^\n]*/g)?.length ?? 0;

test.each(["spin", "memory", "streams"])(
  "%s: its callers get a 504, then at once; its neighbours and static files lose nothing",
  async (name) => {
    const before = platformPids();
    const first = get(at(name, `/${name}`)).then(async (found) => {
      await found.text().catch(() => undefined);
      return found.status;
    });
    const seen: number[] = [];
    let isOver = false;
    const others = (async () => {
      while (!isOver) {
        const found = await Promise.all([get(at("neighbour", "/hello")), get(at("neighbour", "/a.txt"))]);
        seen.push(...found.map((one) => one.status));
      }
    })();
    const status = await first;
    isOver = true;
    await others;
    // One that had begun to answer can't be told anything any more.
    expect(status).toBe(name === "streams" ? 200 : 504);
    expect(seen.filter((one) => one !== 200)).toEqual([]);
    expect(platformPids()).toBeGreaterThan(before);
    if (name === "streams") return;
    const startedAt = performance.now();
    const again = await get(at(name, `/${name}`));
    expect([again.status, Number(again.headers.get("retry-after")) > 30]).toEqual([504, true]);
    expect(((await again.json()) as { code: string }).code).toBe("function_unresponsive");
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  },
);

test("one that holds the thread behind its first byte is found, and does not share its process meanwhile", async () => {
  const seen: number[] = [];
  let isOver = false;
  const others = (async () => {
    while (!isOver) seen.push((await get(at("neighbour", "/hello"))).status);
  })();
  const call = async () => {
    const found = await get(at("streams", "/streams"));
    await found.text().catch(() => undefined);
    return found.status;
  };
  try {
    await expect.poll(call, { timeout: 30_000, interval: 200 }).toBe(504);
  } finally {
    isOver = true;
    await others;
  }
  expect(seen.filter((status) => status !== 200)).toEqual([]);
}, 60_000);

test("one that holds the thread long after its answer is found too, and then ends nothing of others'", async () => {
  const ends = () => platform.output.match(/"at":"watchdog"[^\n]*"main"[^\n]*silent/g)?.length ?? 0;
  const begun = ends();
  const seen: number[] = [];
  const code = async () => ((await (await get(at("later", "/later"))).json()) as { code?: string }).code;
  await expect
    .poll(
      async () => {
        seen.push((await get(at("neighbour", "/hello"))).status);
        return code().catch(() => undefined);
      },
      { timeout: 150_000, interval: 500 },
    )
    .toBe("function_unresponsive");
  expect(ends() - begun).toBeLessThanOrEqual(3);
  expect(seen.filter((status) => status !== 200)).toEqual([]);
}, 180_000);

test("one that takes a gigabyte and answers is found, and no neighbour is taken for it", async () => {
  const seen: string[] = [];
  let isOver = false;
  const others = (async () => {
    while (!isOver) {
      // A body is not sent twice: what breaks under it is lost.
      for (const method of ["GET", "POST"]) {
        const asked = method === "POST" ? { method, body: "x" } : { method };
        seen.push(`${method} ${(await get(at("neighbour", "/hello"), asked)).status}`);
      }
    }
  })();
  const call = async () => (await get(at("gigabyte", "/gigabyte"))).status;
  try {
    await expect.poll(call, { timeout: 60_000, interval: 200 }).toBe(504);
  } finally {
    isOver = true;
    await others;
  }
  const failed = seen.filter((one) => !one.endsWith(" 200"));
  // Until it is suspected, it may end the process once.
  expect([failed.filter((one) => one.startsWith("GET")), failed.length <= 1]).toEqual([[], true]);
  const startedAt = performance.now();
  expect(await call()).toBe(504);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
}, 180_000);

test("static files answer while a function holds its thread", async () => {
  const held = get(at("blocks", "/blocks"));
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const startedAt = performance.now();
    await (await get(at("neighbour", "/a.txt"))).text();
    times.push(performance.now() - startedAt);
  }
  expect((await held).status).toBe(200);
  times.sort((a, b) => a - b);
  expect(times[10]).toBeLessThan(50);
});

test("what happened stands in the culprit's log", async () => {
  const said = async () => (await platform.cli("logs", "spin.localhost", "--json")).stdout;
  await expect.poll(said).toContain("function_unresponsive");
  // Its lines go with its process: the log says so.
  await expect.poll(said).toContain("What it last wrote to the console in this call is lost");
});
