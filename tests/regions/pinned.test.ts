/** Three regions with real agents, and functions that name some of them: where they run, and who answers for them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { node } from "#tests/support/node-functions.ts";
import { TestPlatform, until } from "#tests/support/platform.ts";
import { folder, tree } from "#tests/support/sites.ts";
import { at } from "./world.ts";

const Berlin = { latitude: 52.52, longitude: 13.405 };
const Boston = { latitude: 42.36, longitude: -71.06 };
const Jakarta = { latitude: -6.208, longitude: 106.846 };
const WHERE = "module.exports = (req, res) => res.end(process.env.CLOUDIFY_REGION);";

const platform = new TestPlatform();
let site = "";
let id = "";
beforeAll(async () => {
  await platform.start({ CLOUDIFY_REGIONS: "fra,iad,sin", CLOUDIFY_TEST_CF: "1" });
  // The deployment runs in two; one function names a third.
  await platform.json("api", "POST", "/api/projects", "--data", '{"name":"pinned"}');
  const settings = JSON.stringify({ settings: { regions: ["fra", "iad"], releasePolicy: "all" } });
  await platform.json("api", "PATCH", "/api/projects/pinned", "--data", settings);
  const output = Object.entries({
    ...tree({}),
    ...node("api/anywhere", WHERE),
    ...node("api/home", WHERE, { regions: "home" }),
    ...node("api/iad", WHERE, { regions: ["iad1"] }),
    ...node("api/two", WHERE, { regions: ["sin1", "iad1"] }),
    ...node("api/unknown", WHERE, { regions: ["sfo1"] }),
  });
  const root = folder(Object.fromEntries(output.map(([path, text]) => [`.vercel/output/${path}`, text])));
  const words = ["deploy", root, "--prebuilt", "--prod", "--project", "pinned"];
  const done = await platform.json<{ id: string; aliases: string[] }>(...words);
  [site, id] = [done.aliases[0] ?? "", done.id];
});
afterAll(() => platform.remove());

const ask = (name: string, place: object) => get(`${site}/api/${name}`, { headers: at(place) });
const where = async (name: string, place: object) => (await ask(name, place)).text();

async function regionOf(name: string) {
  const { data } = await platform.client.request("GET /api/regions");
  const found = data.find((one) => one.name === name);
  if (!found) throw new Error(`there is no region ${name}`);
  return found;
}

/** Groups of the deployment that a region runs. */
async function groupsIn(name: string): Promise<string[]> {
  const shown = await platform.json<{ workloads: { id: string }[] }>("regions", "inspect", name);
  return shown.workloads.flatMap((one) => (one.id.startsWith(`${id}.`) ? [one.id.slice(id.length + 1)] : []));
}

test("visitors are answered by the nearest of the regions that the function runs in", async () => {
  const places = [Berlin, Boston, Jakarta];
  const all = async (name: string) => Promise.all(places.map((place) => where(name, place)));
  expect(await all("anywhere")).toEqual(["fra", "iad", "fra"]);
  expect(await all("home")).toEqual(["fra", "iad", "fra"]);
  expect(await all("iad")).toEqual(["iad", "iad", "iad"]);
  expect(await all("two")).toEqual(["iad", "iad", "sin"]);
  // What nobody here is called: where the project says, and somebody is told.
  expect(await all("unknown")).toEqual(["fra", "iad", "fra"]);
  const { stdout } = await platform.cli("logs", id);
  expect(stdout).toMatch(/no region of this team has the name in brackets: api\/unknown \(sfo1\)/);
  expect(stdout).toContain("cloudify regions add");
});

test("a region runs the groups that are pinned there, and no other", async () => {
  expect(await groupsIn("fra")).toEqual(["g0"]);
  expect(await groupsIn("iad")).toEqual(["g0", "g1", "g2"]);
  expect(await groupsIn("sin")).toEqual(["g2"]);
});

test("a function whose only region is lost is answered for by none, and the others by those that run them", async () => {
  const { agent } = await regionOf("iad");
  process.kill(agent?.pid ?? 0, "SIGKILL");
  const lost = await until(async () => {
    const found = await ask("iad", Boston);
    return found.status !== 200 && found;
  });
  expect(lost.status).toBe(503);
  expect(await lost.json()).toMatchObject({ code: "unavailable", fix: expect.any(String) });
  expect(await where("two", Boston)).toBe("sin");
  expect(await where("anywhere", Boston)).toBe("fra");
});
