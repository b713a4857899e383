/**
 * `npm run bench`: what the design promises, measured in one run. Rates stand beside those of a bare chain of the same
 * processes, and only the ratio means anything. `--smoke` does each of it once, small, to see that it runs.
 */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { startBare } from "./bare.ts";
import { load, quantile } from "./load.ts";

const isSmoke = process.argv.includes("--smoke");
const REQUESTS = isSmoke ? 200 : 10_000;
const CONNECTIONS = 16;
const say = (name: string, figures: object): void => console.log(JSON.stringify({ bench: name, ...figures }));

const platform = new TestPlatform();
const bare = await startBare();
await platform.start();
try {
  await router();
  await deploys();
  await rollbacks();
} finally {
  await platform.remove();
  await bare.stop();
}
const count = isSmoke ? "20" : "1000";
const script = fileURLToPath(new URL("concurrent.ts", import.meta.url));
const answer = execFileSync(process.execPath, [script], {
  env: { ...process.env, BENCH_DEPLOYMENTS: count },
  encoding: "utf8",
});
say("concurrent deployments", JSON.parse(answer.trim()) as object);

async function router(): Promise<void> {
  const routes = Array.from({ length: 2_000 }, (_, i) => ({
    src: `^/old-${i}/([^/]+)$`,
    status: 308,
    headers: { location: `/new-${i}/$1` },
  }));
  const files = tree({
    "memory.bin": "x".repeat(1_000),
    "cache.bin": "y".repeat(100_000),
    "r2.bin": "z".repeat(11_000_000),
  });
  await platform.client.request("POST /api/projects", { body: { name: "plain" } });
  await platform.client.request("POST /api/projects", { body: { name: "routed" } });
  await deployTree(platform.client, "plain", files, { target: "production" });
  const config = { "config.json": JSON.stringify({ version: 3, routes }) };
  await deployTree(platform.client, "routed", { ...files, ...config }, { target: "production" });
  const cases: [name: string, host: string, path: string, bare: string, requests: number][] = [
    ["static hit from memory", "plain", "/memory.bin", "/memory", REQUESTS],
    ["static hit from the Cache API (100 kB)", "plain", "/cache.bin", "/cache", REQUESTS / 2],
    ["static hit from R2 (11 MB)", "plain", "/r2.bin", "/r2", Math.max(20, REQUESTS / 100)],
    ["static hit behind 2,000 routes", "routed", "/memory.bin", "/memory", REQUESTS],
  ];
  for (const [name, host, path, other, requests] of cases) {
    const ask = { connections: CONNECTIONS, requests };
    const ours = { ...ask, port: platform.port, host: `${host}.localhost:${platform.port}`, path };
    const theirs = { ...ask, port: bare.port, host: "bare.localhost", path: other };
    for (const one of [ours, theirs]) await load({ ...one, requests: Math.ceil(requests / 5) });
    const [measured, baseline] = [await load(ours), await load(theirs)];
    say(name, {
      ratio: Number((measured.rate / baseline.rate).toFixed(2)),
      ...measured,
      bareRate: baseline.rate,
      bareP95: baseline.p95,
    });
  }
}

async function deploys(): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < (isSmoke ? 2 : 30); i++) {
    const at = performance.now();
    await deployTree(platform.client, "plain", tree({ "a.txt": `deploy ${i}` }), { target: "production" });
    times.push(performance.now() - at);
  }
  say("deploy of two files, upload to ready", {
    runs: times.length,
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
  });
}

/** From the answer of a promote or a rollback to the first answer of the host with the other deployment. */
async function rollbacks(): Promise<void> {
  const { client, port } = platform;
  const host = `http://plain.localhost:${port}/a.txt`;
  const one = await deployTree(client, "plain", tree({ "a.txt": "one" }), { target: "production" });
  const two = await deployTree(client, "plain", tree({ "a.txt": "two" }), { target: "production" });
  const times: number[] = [];
  for (let i = 0; i < (isSmoke ? 3 : 50); i++) {
    const [to, text] = i % 2 === 0 ? [one, "one"] : [two, "two"];
    await client.request("POST /api/projects/{project}/rollback", {
      params: { project: "plain" },
      body: { deploymentId: to.id },
    });
    const at = performance.now();
    while ((await (await get(host)).text()) !== text) await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - at);
  }
  say("rollback visible", { runs: times.length, p50: quantile(times, 0.5), p95: quantile(times, 0.95) });
}
