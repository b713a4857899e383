import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";
import { codeOf, deployTree, entry, finished, sha256, tree, upload } from "#tests/support/sites.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

const DAY_AND_HOUR = 25 * 60 * 60 * 1_000;

async function trail(): Promise<{ seq: number; action: string; target: string }[]> {
  const text = String(await platform.client.call("GET", "/api/teams/local/audit?format=ndjson"));
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number; action: string; target: string });
}

test("a kill of everything at any moment of a deploy leaves it ready or clearly failed, and the trail whole", async () => {
  const { id: project } = await platform.client.request("POST /api/projects", { body: { name: "killed" } });
  const made: string[] = [];
  for (let round = 0; round < 4; round++) {
    const files = tree({ "index.html": `round ${round} ${"text ".repeat(5_000)}` });
    for (const text of Object.values(files)) await upload(platform.client, text);
    const body = {
      files: Object.entries(files).map(([path, text]) => entry(path, text)),
      target: "production",
    };
    const asked = platform.client
      .request("POST /api/projects/{project}/deployments", { params: { project }, body })
      .catch(() => null);
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, round * 40))]);
    await platform.kill();
    await asked;
    await platform.start();
    const { data } = await platform.client.request("GET /api/projects/{project}/deployments", {
      params: { project },
    });
    for (const one of data) if (!made.includes(one.id)) made.push(one.id);
  }
  for (const id of made) {
    const done = await finished(platform.client, id);
    expect(["ready", "error"]).toContain(done.state);
    if (done.state === "ready") expect((await get(done.url)).status).toBe(200);
  }
  const entries = await trail();
  expect(entries.map((one) => one.seq)).toEqual(entries.map((_, i) => i + 1));
  const created = entries.filter((one) => one.action === "deployment.create").map((one) => one.target);
  expect(new Set(created).size).toBe(created.length);
  for (const id of made) expect(created).toContain(id);
}, 240_000);

test("blobs that no manifest names are gone a day later, those of deployments are not", async () => {
  const kept = await deployTree(platform.client, "hello", tree({ "kept.txt": "kept" }));
  await upload(platform.client, "orphan");
  await platform.stop();
  await platform.start({ CLOUDIFY_TEST_CLOCK_OFFSET_MS: String(DAY_AND_HOUR) });
  const files = [entry("config.json", '{"version":3}'), entry("static/a", "orphan")];
  const isMissing = async () => {
    const code = await codeOf(
      platform.client.request("POST /api/projects/{project}/deployments", {
        params: { project: "hello" },
        body: { files },
      }),
    );
    return code === "missing_blobs";
  };
  await expect
    .poll(() => platform.output.includes('"job":"collector","deleted"'), { timeout: 20_000 })
    .toBe(true);
  expect(await isMissing()).toBe(true);
  expect(await (await get(`${kept.url}/kept.txt`)).text()).toBe("kept");
  await platform.stop();
  await platform.start();
});

test("without API, objects and cron, from cold, everything is served as before, and a promote fails clearly", async () => {
  const done = await deployTree(platform.client, "hello", tree({ "index.html": "static stability" }), {
    target: "production",
  });
  await platform.stop();
  await platform.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
  const host = `http://hello.localhost:${platform.port}/`;
  for (let i = 0; i < 50; i++) {
    expect(await (await get(host)).text()).toBe("static stability");
    expect(await (await get(done.url)).text()).toBe("static stability");
  }
  const refused = await platform.cli("promote", done.id, "--json");
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "unavailable" } });
  await platform.stop();
  await platform.start();
  expect(await (await get(host)).text()).toBe("static stability");
}, 120_000);

test("headers that only the platform may set have no effect from outside", async () => {
  const host = `http://hello.localhost:${platform.port}/`;
  const plain = await get(host);
  const spoofed = await get(host, {
    headers: {
      "mf-route-override": "cloudify-objects",
      "mf-cf-blob": '{"country":"XX","clientAcceptEncoding":"br"}',
      "mf-original-url": "http://localhost/api/health",
      "cf-connecting-ip": "1.2.3.4",
      "x-forwarded-host": "other.localhost",
      "x-forwarded-for": "1.2.3.4",
    },
  });
  expect(spoofed.status).toBe(plain.status);
  expect(await spoofed.text()).toBe(await plain.text());
  expect(spoofed.headers.get("content-encoding")).toBeNull();
});

test("a second instance, a taken port and a wrong word are one clear line each", async () => {
  const fails = async (env: Record<string, string>) => {
    const other = new TestPlatform();
    const failure = await other.start(env).then(
      () => "started",
      (error: Error) => error.message,
    );
    await other.remove();
    return failure
      .split("\n")
      .slice(1)
      .filter((line) => line !== "");
  };
  expect(await fails({ CLOUDIFY_HOME: platform.home })).toEqual([expect.stringContaining("runs on")]);
  expect(await fails({ PORT: String(platform.port) })).toEqual([expect.stringContaining("set PORT")]);
  expect(await fails({ CLOUDIFY_WITHOUT: "everything" })).toEqual([
    expect.stringContaining("names everything"),
  ]);
  expect(await fails({ CLOUDIFY_HOST: "0.0.0.0", CLOUDIFY_TEST_CF: "1" })).toEqual([
    expect.stringContaining("refused"),
  ]);
  expect(await fails({ CLOUDIFY_HOME: "/proc/nothing" })).toEqual([
    expect.stringContaining("can't be written"),
  ]);
});

test("a frozen environment is sealed, and no file of the home holds its values", async () => {
  const params = { project: "hello" };
  const canary = "canary-value-9c1f";
  await platform.client.request("POST /api/projects/{project}/env", {
    params,
    body: { key: "CANARY", value: canary, targets: ["preview"], sensitive: true },
  });
  await deployTree(platform.client, "hello", tree({ "a.txt": sha256("x") }));
  const { execFileSync } = await import("node:child_process");
  const found = execFileSync("sh", ["-c", `grep -rl ${canary} ${platform.home} || true`], {
    encoding: "utf8",
  });
  expect(found).toBe("");
  expect(readFileSync(join(platform.home, "credentials.json"), "utf8")).not.toContain(canary);
});

test("what a killed start script had started ends with it", async () => {
  const others = await platform.killScript();
  expect(others.length).toBeGreaterThan(4);
  const isThere = (pid: number) => existsSync(`/proc/${pid}`);
  await expect.poll(() => others.filter(isThere), { timeout: 15_000 }).toEqual([]);
  await platform.start();
});

test("a signal stops it cleanly", async () => {
  expect(await platform.stop()).toBe(0);
});
