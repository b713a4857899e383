/** Releases: how long a deploy takes, and how soon every visitor sees a rollback or the end of a rollout. */
import { get } from "#tests/support/http.ts";
import type { TestPlatform } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";
import { quantile } from "./load.ts";
import { say, times } from "./report.ts";

export async function rollouts(platform: TestPlatform): Promise<void> {
  await platform.client.request("POST /api/projects", { body: { name: "released" } });
  await deploys(platform);
  await rollbacks(platform);
  await reverts(platform);
}

const site = (text: string) => tree({ "a.txt": text });
const shown = (taken: number[]) => ({
  runs: taken.length,
  p50: quantile(taken, 0.5),
  p95: quantile(taken, 0.95),
});

async function deploys({ client }: TestPlatform): Promise<void> {
  const taken: number[] = [];
  for (let i = 0; i < times(30, 2); i++) {
    const at = performance.now();
    await deployTree(client, "released", site(`deploy ${i}`), { target: "production" });
    taken.push(performance.now() - at);
  }
  say("deploy of two files, upload to ready", shown(taken));
}

/** From the answer of the API to the first answer of the host with the other deployment. */
async function rollbacks({ client, port }: TestPlatform): Promise<void> {
  const one = await deployTree(client, "released", site("one"), { target: "production" });
  const two = await deployTree(client, "released", site("two"), { target: "production" });
  const taken: number[] = [];
  for (let i = 0; i < times(50, 3); i++) {
    const [to, text] = i % 2 === 0 ? [one, "one"] : [two, "two"];
    const params = { project: "released" };
    await client.request("POST /api/projects/{project}/rollback", { params, body: { deploymentId: to.id } });
    taken.push(await until(port, text));
  }
  say("rollback visible", { ...shown(taken), goalP95: 500 });
}

/** A visitor who was given the new version gets the live one again. */
async function reverts({ client, port }: TestPlatform): Promise<void> {
  const params = { project: "released" };
  const next = await deployTree(client, "released", site("next"), { target: "production" });
  await client.request("POST /api/deployments/{deployment}/promote", { params: { deployment: next.id } });
  const live = await deployTree(client, "released", site("live"), { target: "production" });
  await client.request("POST /api/deployments/{deployment}/promote", { params: { deployment: live.id } });
  const [taken, whole]: number[][] = [[], []];
  for (let i = 0; i < times(30, 3); i++) {
    const body = { deploymentId: next.id, percent: 50 };
    await client.request("POST /api/projects/{project}/rollout", { params, body });
    const visitor = await visitorOf(port, "next");
    const at = performance.now();
    await client.request("POST /api/projects/{project}/rollback", { params });
    taken?.push(await until(port, "live", visitor));
    whole?.push(performance.now() - at);
  }
  say("revert of a rollout visible", {
    ...shown(taken ?? []),
    goalP95: 500,
    withTheCall: shown(whole ?? []),
  });
}

/** @returns The cookie of a visitor who is given this version. */
async function visitorOf(port: number, text: string): Promise<string> {
  for (let i = 0; ; i++) {
    const cookie = `__cloudify_visitor=visitor-${i}`;
    if ((await ask(port, cookie)) === text) return cookie;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** @returns Milliseconds until the host answers so. */
async function until(port: number, text: string, cookie = ""): Promise<number> {
  const at = performance.now();
  while ((await ask(port, cookie)) !== text) await new Promise((resolve) => setImmediate(resolve));
  return performance.now() - at;
}

const ask = async (port: number, cookie: string) =>
  (await get(`http://released.localhost:${port}/a.txt`, { headers: cookie === "" ? {} : { cookie } })).text();
