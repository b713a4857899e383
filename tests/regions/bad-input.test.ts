/** What people and programs do wrong, on a whole platform: they are told what happened, and nobody else notices. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { type Ran, TestPlatform, until } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
const WELL = `import { createServer } from "node:http";
createServer((req, res) => res.end("well")).listen(process.env.PORT);`;

beforeAll(async () => {
  await platform.start({ CLOUDIFY_REGIONS: "local" });
  expect((await deploy("neighbour", "", WELL)).code).toBe(0);
});
afterAll(() => platform.remove());

/** Deploys a program from source. */
function deploy(name: string, build: string, server: string): Promise<Ran> {
  const scripts = { build: "node build.mjs", start: "node server.mjs" };
  const files = { "package.json": JSON.stringify({ scripts }), "build.mjs": build, "server.mjs": server };
  return platform.cli("deploy", folder(files, name), "--project", name, "--prod", "--yes");
}
const ask = async (name: string): Promise<string> =>
  (await get(`http://${name}.localhost:${platform.port}/`)).text();
/** Asks the neighbour until the end. @returns What it did not answer well. */
async function beside(work: Promise<unknown>): Promise<string[]> {
  const wrong: string[] = [];
  let isOver = false;
  const end = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const text = await ask("neighbour").catch(String);
    if (text !== "well") wrong.push(text);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await end;
  return wrong;
}
const running = (text: string): string[] =>
  execFileSync("ps", ["-eo", "args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(text) && !line.includes("ps -eo"));
/** Folders of builds that are on the agent's disk. */
const jobs = (): string[] =>
  ["builds/jobs", "process/builds"].flatMap((name) => {
    const path = join(platform.home, "regions/local", name);
    return existsSync(path) ? readdirSync(path) : [];
  });

test("a build that prints a gigabyte is built, its log is bounded, and its neighbour is answered meanwhile", async () => {
  const loud = `import { writeSync } from "node:fs";
  const chunk = Buffer.alloc(1 << 20, "it says next to nothing, over and over again\\n");
  for (let n = 0; n < 1024; ) try { writeSync(1, chunk); n++; } catch (e) { if (e.code !== "EAGAIN") throw e; }`;
  const built = deploy("loud", loud, WELL);
  expect(await beside(built)).toEqual([]);
  expect((await built).code).toBe(0);
  const { id } = await latest("loud");
  expect((await platform.cli("logs", id)).stdout.length).toBeLessThan(32 * 1024 * 1024);
  expect(await ask("loud")).toBe("well");
}, 240_000);

test("a build that will not end is canceled within 5 s of being told, with the daemons that it has started", async () => {
  const deaf = `import { spawn } from "node:child_process";
  process.on("SIGTERM", () => undefined);
  const away = { detached: true, stdio: "ignore" };
  spawn("sh", ["-c", "trap '' TERM; setsid sleep 96411 & wait"], away).unref();
  spawn("setsid", ["env", "-i", "PATH=" + process.env.PATH, "sleep", "96411"], away).unref();
  console.log("deaf"); setInterval(() => undefined, 1000);`;
  const deployed = deploy("deaf", deaf, WELL);
  await until(async () => running("sleep 96411").length >= 2, 60_000);
  const { data } = await platform.client.request("GET /api/projects/{project}/deployments", {
    params: { project: "deaf" },
  });
  const params = { deployment: data[0]?.id ?? "" };
  const began = Date.now();
  await platform.client.request("POST /api/deployments/{deployment}/cancel", { params });
  await until(async () => running("sleep 96411").length === 0 && jobs().length === 0);
  // Heard at the next heartbeat, 2 s; the rest is the build's.
  expect(Date.now() - began).toBeLessThan(7_000);
  const { code, stderr } = await deployed;
  expect([code, stderr]).toEqual([1, expect.stringContaining("The deployment was canceled.")]);
}, 120_000);

test.each([
  [
    "exits",
    "console.log('no database, leaving'); process.exit(2);",
    ["local: Crashed", "code 2", "no database, leaving"],
  ],
  ["throws", "throw new Error('no module of the moon');", ["local: Crashed", "no module of the moon"]],
  [
    "leaks",
    "const held = []; setInterval(() => held.push(Buffer.alloc(5e7, 1)), 10);",
    ["local: OutOfMemory", "MiB"],
  ],
])(
  "a program that %s at its start is no release: why is told by its region's name, and nothing is left of it",
  async (name, server, told) => {
    const marked = `/* ${name} 96412 */ ${server}`;
    const deployed = deploy(name, "", marked);
    expect(await beside(deployed)).toEqual([]);
    const { code, stderr } = await deployed;
    expect(code).toBe(1);
    for (const one of [...told, "Correct what keeps it from starting"]) expect(stderr).toContain(one);
    expect(stderr).not.toContain("rgn_");
    const workloads = join(platform.home, "regions/local/process/workloads");
    await until(async () => readdirSync(workloads).length === 1 + (await livingBeside()), 60_000);
    expect(jobs()).toEqual([]);
  },
  120_000,
);

/** Of the tests before. */
async function livingBeside(): Promise<number> {
  const { data } = await platform.client.request("GET /api/regions");
  const [region] = data;
  return (region?.deployments.length ?? 1) - 1;
}

test("regions that there are not are named, with those that there are", async () => {
  await platform.client.request("POST /api/projects", { body: { name: "lost" } });
  const { code, stdout, stderr } = await platform.cli(
    "api",
    "PATCH",
    "/api/projects/lost",
    "--data",
    JSON.stringify({ settings: { regions: ["mars"] } }),
  );
  expect(code).toBe(1);
  expect(stdout + stderr).toContain("There is no region mars");
  expect(stdout + stderr).toContain("Choose from local");
});

test("a silent region of the team keeps no release of policy `any` waiting", async () => {
  const place = { latitude: 0, longitude: 0 };
  await platform.client.request("POST /api/regions", { body: { name: "nobody", ...place } });
  const { code, stderr } = await deploy("prompt", "", WELL);
  expect(code).toBe(0);
  const lines = stderr.split("\n");
  expect(lines.some((line) => line.endsWith("releasing (ready in local)"))).toBe(true);
  const { createdAt, readyAt } = await latest("prompt");
  expect((readyAt ?? Number.POSITIVE_INFINITY) - createdAt).toBeLessThan(45_000);
});

async function latest(project: string) {
  const { data } = await platform.client.request("GET /api/projects/{project}/deployments", {
    params: { project },
  });
  const [first] = data;
  if (!first) throw new Error(`${project} has no deployment`);
  return first;
}
