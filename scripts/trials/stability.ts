/**
 * `npm run trial:stability [MINUTES]`: what was deployed goes on being served from a cold start with API, objects and cron
 * off, under load: files of several projects at all their hosts, edge functions with their environment, and functions for
 * Node.js in two regions, of which one's agent is killed meanwhile. Then all of it is started again, and the regions run
 * what they are to run. Ends with 1 when a goal is missed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { edge } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { node } from "#tests/support/node-functions.ts";
import { signalTree, TestPlatform, until } from "#tests/support/platform.ts";
import { deployTree, tree } from "#tests/support/sites.ts";

const MINUTES = Number(process.argv[2] ?? 10);
const CONNECTIONS = 6;
const PROJECTS = 5;
const REGIONS = { CLOUDIFY_REGIONS: "fra,iad" };
const AGREED_MS = 30_000;
const PATIENCE_MS = 120_000;

const platform = new TestPlatform();
try {
  await platform.start(REGIONS);
  const expected = new Map<string, string>();
  const deployments: string[] = [];
  for (let i = 0; i < PROJECTS; i++) deployments.push(await deployProject(i, expected));
  await platform.stop();
  await platform.start({ ...REGIONS, CLOUDIFY_WITHOUT: "api,objects,cron" });
  const counts = { right: 0, wrong: 0 };
  const wrong: string[] = [];
  const addresses = [...expected];
  const endsAt = Date.now() + MINUTES * 60_000;
  const killed = kill(Date.now() + MINUTES * 20_000);
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      for (let i = connection; Date.now() < endsAt; i++) {
        const [address, text] = addresses[i % addresses.length] ?? ["", ""];
        const found = await get(address).then(
          (answer) => answer.text(),
          (error: unknown) => String(error),
        );
        if (found === text) counts.right++;
        else {
          counts.wrong++;
          wrong.push(`${address}: ${found.slice(0, 300)}`);
        }
      }
    }),
  );
  const agents = await killed;
  const promoted = await platform.cli("rollback", "--project", "stable-0", "--json");
  const promote = { code: promoted.code, problem: (JSON.parse(promoted.stdout) as Refused).error.code };
  await platform.stop();
  await platform.start(REGIONS);
  const agreedMs = await agreed(deployments);
  const goals = {
    "every answer was right": counts.wrong === 0,
    "the agent was started again": agents.before !== agents.after,
    "the regions run what they are to": agreedMs <= AGREED_MS,
  };
  const missed = Object.entries(goals).flatMap(([name, isMet]) => (isMet ? [] : name));
  const result = { minutes: MINUTES, addresses: addresses.length, ...counts, firstWrong: wrong[0] };
  console.log(JSON.stringify({ ...result, promote, agents, agreedMs, missed }));
  if (missed.length > 0) process.exitCode = 1;
} finally {
  await platform.remove();
}

interface Refused {
  error: { code: string };
}

async function deployProject(i: number, expected: Map<string, string>): Promise<string> {
  const name = `stable-${i}`;
  const { client } = platform;
  const { id: project } = await client.request("POST /api/projects", { body: { name } });
  const variable = { key: "SAID", value: `by ${name}`, targets: ["production" as const] };
  await client.request("POST /api/projects/{project}/env", { params: { project }, body: variable });
  const files = { "index.html": `page of ${name}`, "large.txt": `${name} `.repeat(12_000) };
  const functions = {
    ...edge("api/said", "export default () => new Response(process.env.SAID)"),
    ...node("api/node", "module.exports = (req, res) => res.end(process.env.SAID)"),
  };
  const production = await deployTree(
    client,
    project,
    { ...tree(files), ...functions },
    { target: "production" },
  );
  if (production.state !== "ready") throw new Error(JSON.stringify(production.error));
  const branch = await deployTree(client, project, tree(files), { git: { branch: `side-${i}` } });
  const hosts = [production.url, branch.url, ...production.aliases, ...branch.aliases];
  for (const host of hosts) {
    expected.set(`${host}/`, files["index.html"]);
    expected.set(`${host}/large.txt`, files["large.txt"]);
  }
  for (const host of [production.url, ...production.aliases])
    for (const path of ["said", "node"]) expected.set(`${host}/api/${path}`, `by ${name}`);
  return production.id;
}

/** One agent with all that it runs, at that time. @returns Its process before, and that of the one started in its place. */
async function kill(at: number): Promise<{ before: number; after: number }> {
  await new Promise((resolve) => setTimeout(resolve, at - Date.now()));
  const before = agentOf("fra");
  signalTree(before, "SIGKILL");
  const after = await until(async () => agentOf("fra") !== before && agentOf("fra"), PATIENCE_MS);
  return { before, after };
}

/** With the API off its own lock is who says it. */
function agentOf(region: string): number {
  return Number(readFileSync(join(platform.home, "regions", region, "agent.pid"), "utf8"));
}

/** @returns Milliseconds until every region says that it runs all that it is to. */
async function agreed(deployments: readonly string[]): Promise<number> {
  const since = Date.now();
  return until(async () => {
    const { data } = await platform.client.request("GET /api/regions");
    const areReady = data.every(({ status, lagCursors, deployments: runs }) => {
      const ready = new Set(runs.filter(({ ready }) => ready === "true").map(({ id }) => id));
      return status === "up" && lagCursors === 0 && deployments.every((id) => ready.has(id));
    });
    return areReady ? Date.now() - since : null;
  }, PATIENCE_MS);
}
