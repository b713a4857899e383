/**
 * `npm run trial:kill [ROUNDS]`: `kill -9` of every process of the platform at a random moment of a deploy, again and
 * again, on one home. Prints what became of each deployment, of the trail, and of what nobody names.
 */
import { randomInt } from "node:crypto";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { entry, finished, tree, upload } from "#tests/support/sites.ts";

const ROUNDS = Number(process.argv[2] ?? 20);
const MOMENTS_MS = 800;
const PATIENCE_MS = 60_000;
const DAY_AND_HOUR = 25 * 60 * 60 * 1_000;

const platform = new TestPlatform();
const states: Record<string, number> = {};
let unserved = 0;
try {
  await platform.start();
  const { id: project } = await platform.client.request("POST /api/projects", { body: { name: "killed" } });
  const params = { project };
  for (let round = 0; round < ROUNDS; round++) {
    const files = tree({ "index.html": `round ${round} ${"text ".repeat(5_000)}` });
    const body = {
      files: Object.entries(files).map(([path, text]) => entry(path, text)),
      target: "production",
    };
    const deploying = (async () => {
      await upload(platform.client, ...Object.values(files));
      await platform.client.request("POST /api/projects/{project}/deployments", { params, body });
    })().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, randomInt(MOMENTS_MS)));
    await platform.kill();
    await deploying;
    await platform.start();
  }
  const made = await all(project);
  for (const id of made) {
    const done = await finished(platform.client, id);
    states[done.state] = (states[done.state] ?? 0) + 1;
    if (done.state === "ready" && (await get(done.url)).status !== 200) unserved++;
  }
  const trail = await entries();
  // The collector says what it deleted, so there must be something that nobody names.
  await upload(platform.client, "named by nobody");
  const created = trail.filter((one) => one.action === "deployment.create").map((one) => one.target);
  await platform.stop();
  await platform.start({ CLOUDIFY_TEST_CLOCK_OFFSET_MS: String(DAY_AND_HOUR) });
  const collected = await said(/"job":"collector","deleted":(\d+)/);
  console.log(
    JSON.stringify({
      rounds: ROUNDS,
      deployments: made.length,
      states,
      unserved,
      trail: {
        entries: trail.length,
        gaps: trail.filter((one, i) => one.seq !== i + 1).length,
        twice: created.length - new Set(created).size,
        missing: made.filter((id) => !created.includes(id)).length,
      },
      collected,
    }),
  );
} finally {
  await platform.remove();
}

async function all(project: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { limit: 100, ...(cursor === undefined ? {} : { cursor }) };
    const { data, next } = await platform.client.request("GET /api/projects/{project}/deployments", {
      params: { project },
      query,
    });
    ids.push(...data.map((one) => one.id));
    if (next === null) return ids;
    cursor = next;
  }
}

async function entries(): Promise<{ seq: number; action: string; target: string }[]> {
  const text = String(await platform.client.call("GET", "/api/teams/local/audit?format=ndjson"));
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number; action: string; target: string });
}

/** Waits until the platform has said so. */
async function said(pattern: RegExp): Promise<number> {
  for (const until = Date.now() + PATIENCE_MS; ; ) {
    const found = pattern.exec(platform.output);
    if (found) return Number(found[1]);
    if (Date.now() > until) throw new Error(`the platform never said ${pattern}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
