/** Edge functions: warm, cold, behind a middleware, and many of them; beside a bare chain of the same processes. */
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import type { TestPlatform } from "#tests/support/platform.ts";
import type { Bare } from "./bare.ts";
import { load, quantile } from "./load.ts";
import { compare, say, times } from "./report.ts";

const MANY = 100;
/** The same bytes as the bare one's; the number makes each a function of its own. */
const source = (i: number) =>
  `const text = "x".repeat(1000); export const number = ${i}; export default () => new Response(text);`;

export async function functions(platform: TestPlatform, bare: Bare): Promise<void> {
  await project(platform, "functions", named(MANY, "f"));
  const ours = { port: platform.port, host: `functions.localhost:${platform.port}` };
  const requests = times(10_000, 200);
  await compare("edge function, warm", { ...ours, path: "/f0" }, bare, "/isolates/0", requests);
  const [one, other] = [(i: number) => `/f${i % MANY}`, (i: number) => `/isolates/${i % MANY}`];
  await compare("100 edge functions in turn", { ...ours, path: one }, bare, other, requests);
  await alone(platform);
  await cold(platform, bare);
  await middleware(platform, bare);
}

/** One visitor at a time: what a visitor waits for, without the queue of a full machine. */
async function alone({ port }: TestPlatform): Promise<void> {
  const host = `functions.localhost:${port}`;
  const found = await load({ port, host, path: "/f0", connections: 1, requests: times(1_000, 50) });
  say("edge function, warm, one request at a time", found);
}

/** Every function is called once, so each call makes an isolate; the bare one's code is in its memory already. */
async function cold(platform: TestPlatform, bare: Bare): Promise<void> {
  const count = times(300, 5);
  await project(platform, "cold", named(count, "c"));
  const first = async (address: (i: number) => string) => {
    const all: number[] = [];
    for (let i = 0; i < count; i++) {
      const at = performance.now();
      const found = await get(address(i));
      await found.text();
      if (found.status !== 200) throw new Error(`${address(i)} answered ${found.status}`);
      all.push(performance.now() - at);
    }
    return { p50: quantile(all, 0.5), p95: quantile(all, 0.95), worst: quantile(all, 1) };
  };
  const ours = await first((i) => `http://cold.localhost:${platform.port}/c${i}`);
  const theirs = await first((i) => `http://bare.localhost:${bare.port}/isolates/cold-${i}`);
  say("edge function, cold", { functions: count, ...ours, goalP95: 50, bare: theirs });
}

/** A middleware goes on to a static file: two answers for the price of one request. */
async function middleware(platform: TestPlatform, bare: Bare): Promise<void> {
  const pass = `export default () => new Response(null, { headers: { "x-middleware-next": "1" } });`;
  const config = { routes: [{ src: "/.*", middlewarePath: "pass", continue: true }] };
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "guarded" } });
  await deployFunctions(platform.client, id, { pass }, config, { "a.txt": "x".repeat(1_000) });
  const ours = { port: platform.port, host: `guarded.localhost:${platform.port}`, path: "/a.txt" };
  const name = "middleware and a static file, beside a bare function";
  await compare(name, ours, bare, "/isolates/0", times(5_000, 200));
}

const named = (count: number, prefix: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, source(i)]));

async function project(platform: TestPlatform, name: string, all: Record<string, string>): Promise<void> {
  const { id } = await platform.client.request("POST /api/projects", { body: { name } });
  await deployFunctions(platform.client, id, all);
}
