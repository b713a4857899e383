/** Two regions as `npm start` runs them, with real agents: what visitors see of them, and what is left of them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { under } from "#tests/support/load.ts";
import { deployNode, node } from "#tests/support/node-functions.ts";
import { TestPlatform, until } from "#tests/support/platform.ts";
import { folder, tree } from "#tests/support/sites.ts";
import { at } from "./world.ts";

const REGIONS = { CLOUDIFY_REGIONS: "fra,iad", CLOUDIFY_TEST_CF: "1" };
const Berlin = { latitude: 52.52, longitude: 13.405 };
const Boston = { latitude: 42.36, longitude: -71.06 };
const WHERE = `module.exports = (req, res) =>
  res.end(JSON.stringify({ region: process.env.CLOUDIFY_REGION, pid: process.pid }));`;

const platform = new TestPlatform();
let site = "";
beforeAll(async () => {
  await platform.start(REGIONS);
  const output = Object.entries({ ...tree({}), ...node("api/where", WHERE) });
  const root = folder(Object.fromEntries(output.map(([path, text]) => [`.vercel/output/${path}`, text])));
  const words = ["deploy", root, "--prebuilt", "--prod", "--project", "where"];
  site = (await platform.json<{ aliases: string[] }>(...words)).aliases[0] ?? "";
});
afterAll(() => platform.remove());

interface Said {
  region: string;
  pid: number;
}

const ask = (place: object) => get(`${site}/api/where`, { headers: at(place) });
const said = async (place: object) => (await (await ask(place)).json()) as Said;

test("a function runs in each region, and visitors are answered by the nearest", async () => {
  const [here, there] = [await said(Berlin), await said(Boston)];
  expect([here.region, there.region]).toEqual(["fra", "iad"]);
  expect(here.pid).not.toBe(there.pid);
});

test("a region that is drained under load gives its visitors away without a failed request, and gets them back", async () => {
  const load = await under(
    () => ask(Berlin),
    async (load) => {
      await load.more("fra", 50);
      await platform.json("regions", "drain", "fra");
      await load.more("iad", 50);
      await platform.json("regions", "drain", "fra", "--undo");
      await load.more("fra", 50);
    },
    50,
  );
  expect(load.failures).toEqual([]);
});

test("an agent that is killed takes its processes with it, and the other region answers at once", async () => {
  const { pid } = await said(Berlin);
  const { agent } = await regionOf("fra");
  process.kill(agent?.pid ?? 0, "SIGKILL");
  expect((await said(Berlin)).region).toBe("iad");
  await until(async () => !isAlive(pid));
});

test("after a restart of the whole platform functions answer, and what is desired is what is there", async () => {
  await platform.stop();
  await platform.start(REGIONS);
  await until(async () => (await said(Berlin).catch(() => null))?.region === "fra", 30_000);
  await until(async () => {
    const { data } = await platform.client.request("GET /api/regions");
    return data.every(
      ({ status, lagCursors, deployments }) =>
        status === "up" && lagCursors === 0 && deployments.every(({ ready }) => ready === "true"),
    );
  }, 30_000);
});

test("a deployment that is removed leaves no process behind, and the one after it answers", async () => {
  const before = await Promise.all([said(Berlin), said(Boston)]);
  const { deployments } = await regionOf("fra");
  const [first] = deployments.map(({ id }) => id);
  await deployNode(platform.client, "where", { "api/where": `${WHERE}\n// The next.` });
  await platform.json("rm", first ?? "");
  await until(async () => before.every(({ pid }) => !isAlive(pid)));
  const next = await Promise.all([said(Berlin), said(Boston)]);
  expect(next.map(({ region }) => region)).toEqual(["fra", "iad"]);
});

test("with objects that do not answer, regions are listed with what is known of them, as unknown", async () => {
  await platform.stop();
  await platform.start({ CLOUDIFY_WITHOUT: "objects" });
  const { data } = await platform.client.request("GET /api/regions");
  expect(data.map(({ name, status, lease }) => ({ name, status, lease }))).toEqual(
    expect.arrayContaining(["fra", "iad"].map((name) => ({ name, status: "unknown", lease: null }))),
  );
});

async function regionOf(name: string) {
  const { data } = await platform.client.request("GET /api/regions");
  const found = data.find((one) => one.name === name);
  if (!found) throw new Error(`there is no region ${name}`);
  return found;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
