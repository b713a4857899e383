import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { regionKey } from "@cloudify/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPlatform, type TestPlatform } from "#tests/deployments/platform.ts";
import { ROOT } from "#tests/support/platform.ts";
import { playAgent } from "./agent.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

async function cli(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = join(ROOT, "packages/cli/src/main.ts");
  const env = { ...process.env, CLOUDIFY_API: platform.url, CLOUDIFY_TOKEN: platform.token };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [program, ...words], { env })) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}
const json = async (...words: string[]) => JSON.parse((await cli(...words, "--json")).stdout);

test("a region from its first day to its last", async () => {
  const added = await cli("regions", "add", "fra", "--lat", "50.1", "--lon", "8.7", "--weight", "50");
  expect(added.code).toBe(0);
  const { kind, items } = JSON.parse(added.stdout);
  expect([kind, items[0].metadata.name]).toEqual(["List", "cloudify-fra"]);

  const { token, region } = await json("regions", "token", "fra", "--yes");
  expect(region).toMatchObject({ name: "fra", status: "never", weight: 50 });
  const agent = await playAgent(platform, token);
  await agent.acquire();
  expect(await json("regions", "ls")).toMatchObject([{ name: "fra", status: "up" }]);
  expect((await cli("regions", "inspect", "fra")).stdout).toContain("host-1, epoch 1");
  expect((await cli("regions", "status")).stdout).toMatch(/^REGION.*\nfra +up +host-1\/1/);

  expect(await json("regions", "set", "fra", "--weight", "10")).toMatchObject({
    weight: 10,
    latitude: 50.1,
    isShared: false,
  });
  const key = regionKey(region.id);
  expect(await platform.snapshots.get(key, "json")).toMatchObject({ weight: 10, longitude: 8.7 });
  expect((await json("regions", "set", "fra")).error.code).toBe("nothing_to_set");
  expect(await json("regions", "set", "fra", "--name", "muc", "--shared")).toMatchObject({
    name: "muc",
    isShared: true,
    weight: 10,
  });
  expect(await json("regions", "set", "muc", "--name", "fra", "--no-shared")).toMatchObject({
    name: "fra",
    isShared: false,
  });
  expect((await json("regions", "set", "fra", "--weight", "-1")).error.code).toBe("invalid_option");
  expect((await json("regions", "set", "iad", "--weight", "1")).error.code).toBe("not_found");

  // Programs take seconds to start on a busy machine, and a lease lasts for fifteen.
  await agent.acquire();
  expect((await cli("regions", "drain", "fra")).stdout).toContain("--undo");
  expect(await json("regions", "status")).toMatchObject([{ status: "draining" }]);
  expect(await json("regions", "drain", "fra", "--undo")).toMatchObject({ status: "up" });

  await agent.acquire({ isDraining: true });
  expect((await json("regions", "drain", "fra", "--undo")).error.code).toBe("still_draining");
  await agent.acquire();

  await platform.region(agent.id).desire([
    {
      id: "dpl_1.a",
      team: "team_x",
      project: "prj_1",
      deployment: "dpl_1",
      spec: "s",
      env: "e",
      isWarm: true,
    },
  ]);
  const refused = await cli("regions", "rm", "fra", "--yes");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("--force");
  expect((await cli("regions", "rm", "fra", "--force", "--yes")).stdout).toContain(
    "kubectl delete namespace",
  );
  expect(await json("regions", "ls")).toEqual([]);
});

test("a place that is none is refused before anything is made", async () => {
  const refused = await cli("regions", "add", "nowhere", "--lat", "north", "--lon", "8.7");
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("--lat");
  expect((await cli("regions", "add", "nowhere")).code).toBe(2);
  expect(await json("regions", "ls")).toEqual([]);
});

test("where a project runs and how it is built is set, kept, shown and ended by the command line", async () => {
  for (const name of ["ber", "par"]) await json("regions", "add", name, "--lat", "50", "--lon", "8");
  await json("projects", "add", "shop");
  const set = (...flags: string[]) => json("projects", "set", "shop", ...flags);
  const before = (await set()).settings;

  const where = { regions: ["ber"], failover: ["par"], releasePolicy: "all" };
  const placed = await set("--regions", "ber", "--failover", "par", "--release-policy", "all");
  expect(placed.settings).toEqual({ ...before, ...where });
  const built = await set("--root-directory", "apps/web", "--framework", "nextjs", "--node-version", "24.x");
  const how = { rootDirectory: "apps/web", framework: "nextjs", nodeVersion: "24.x" };
  expect(built.settings).toEqual({ ...before, ...where, ...how });
  expect((await cli("projects", "set", "shop")).stdout).toMatch(/^regions +\["ber"\]$/m);

  expect((await set("--regions", "atlantis")).error).toMatchObject({
    code: "invalid_input",
    fix: expect.stringContaining("ber"),
  });
  expect((await cli("projects", "set", "shop", "--release-policy", "most")).code).toBe(2);
  expect((await cli("projects", "set", "shop", "--regions", "")).code).toBe(2);
  expect((await set()).settingsVersion).toBe(built.settingsVersion);

  const ends = ["--failover", "--root-directory", "--framework", "--node-version"];
  const ended = await set(
    "--regions",
    "all",
    "--release-policy",
    "any",
    ...ends.flatMap((flag) => [flag, "off"]),
  );
  expect(ended.settings).toEqual(before);
});
