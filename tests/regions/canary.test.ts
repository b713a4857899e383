/**
 * A secret of a project that a region builds and runs stands nowhere but in its processes, whatever the build and the
 * program do with it: on a whole platform with its agent, by the real CLI.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytesOf, filesOf, finder } from "#tests/support/canary.ts";
import { get } from "#tests/support/http.ts";
import { freePort, type Ran, TestPlatform } from "#tests/support/platform.ts";
import { folder } from "#tests/support/sites.ts";

const platform = new TestPlatform();
/** With what each encoding writes in a way of its own. */
const CANARY = 'canary "5f1d\\8c0e" of/the+test?&é';
/** Not marked as sensitive; it looks like what it is. */
const PLAIN = "canary-0b6f5f1d8c0e77aa";
/** Of a program that keeps it in its own code. */
const KEPT = "canary-kept-91ab44c07de2";
const found = finder(CANARY, PLAIN);
const foundKept = finder(KEPT);
let metrics = 0;

beforeAll(async () => {
  metrics = await freePort();
  await platform.start({ CLOUDIFY_REGIONS: "local", CLOUDIFY_METRICS_PORT: String(metrics) });
  await add("leaky", { A: CANARY, B: PLAIN });
});
afterAll(() => platform.remove());

/** The first is sensitive. */
async function add(project: string, variables: Record<string, string>): Promise<void> {
  await platform.client.request("POST /api/projects", { body: { name: project } });
  for (const [at, [key, value]] of Object.entries(variables).entries()) {
    const targets = ["production" as const, "preview" as const];
    const body = { key, value, targets, sensitive: at === 0 };
    await platform.client.request("POST /api/projects/{project}/env", { params: { project }, body });
  }
}

/** Prints `a`, the one value, and `b`, the other, in all shapes. */
const LEAK = `const a = process.env.A, b = process.env.B;
console.log(a, b); console.error({ a, deep: { b: [b] } });
console.log(JSON.stringify({ a, b }), encodeURIComponent(a), new URLSearchParams({ a, b }).toString(), encodeURI(a));
for (const s of ["", "x", "xy"]) console.log(btoa(s + b), Buffer.from(s + a).toString("base64"), Buffer.from(s + a).toString("base64url"));
console.log(Buffer.from(b).toString("hex"), Buffer.from(a).toString("hex").toUpperCase());
console.log(Buffer.from("x".repeat(50) + b + "x".repeat(50)).toString("base64").replace(/.{20}/g, "$&\\n"));
console.log("x".repeat(8190 - b.length / 2) + b); console.log("x".repeat(65530) + b);
console.log(new Error(a + b).stack); console.log(new Error("outer", { cause: new Error(b) }));`;
/** In writes of their own, with time between. */
const PIECES = `const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (const b of [process.env.A, process.env.B]) for (let at = 0; at < b.length; at += 7) {
  process.stdout.write(b.slice(at, at + 7)); await pause(at === 7 ? 700 : 20);
}
console.log("");`;

const project = (name: string, build: string, server: string, more: Record<string, string> = {}): string =>
  folder(
    {
      "package.json": JSON.stringify({ scripts: { build: "node build.mjs", start: "node server.mjs" } }),
      "build.mjs": build,
      "server.mjs": server,
      ...more,
    },
    name,
  );
/** A server that says what it can of its secrets but in its answers. */
const SERVER = `import { createServer } from "node:http";
${LEAK}
${PIECES}
createServer((req, res) => {
  console.log("asked", b, req.url);
  if (req.url === "/crash") setTimeout(() => { throw new Error("crashed with " + a + b); });
  else if (req.url === "/throw") throw new Error("thrown with " + a + b);
  else res.end("well");
}).listen(process.env.PORT);`;

/** All that the CLI has printed. */
const printed: string[] = [];
async function cli(...words: string[]): Promise<Ran> {
  const ran = await platform.cli(...words, "--yes");
  printed.push(ran.stdout, ran.stderr);
  return ran;
}

/** Deploys from source. @returns The deployment's id, and how it ended. */
async function deploy(name: string, root: string, ...words: string[]): Promise<{ id: string; code: number }> {
  const { code } = await cli("deploy", root, "--project", name, ...words);
  const { data } = await platform.client.request("GET /api/projects/{project}/deployments", {
    params: { project: name },
  });
  return { id: data[0]?.id ?? "", code };
}

/** All that the API, the CLI and its followers tell of a deployment. */
async function told(id: string, name: string): Promise<string> {
  const paths = [
    `/api/deployments/${id}`,
    `/api/projects/${name}`,
    `/api/projects/${name}/deployments`,
    "/api/regions",
    "/api/regions/local",
    "/api/teams/local/audit?limit=100",
  ];
  const texts: unknown[] = await Promise.all(paths.map((path) => platform.client.call("GET", path)));
  for (const accept of ["application/x-ndjson", "text/event-stream"]) {
    const headers = { authorization: `Bearer ${platform.token}`, accept };
    texts.push(await (await get(`${platform.api}/api/deployments/${id}/events`, { headers })).text());
  }
  for (const words of [
    ["logs", id],
    ["logs", id, "--json"],
    ["inspect", id],
    ["inspect", id, "--json"],
  ])
    texts.push((await cli(...words)).stdout);
  return texts.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");
}

/** Not one form in a text, neither whole nor with what was put between its parts. */
function expectNone(text: string): void {
  expect(found(text)).toEqual([]);
  expect(found(text.replace(/[\s"'`,]+/g, ""))).toEqual([]);
}
/** Of what both of them begin with; a piece of one tells no more. */
const PARTS = /canary "5f1d|canary-0b6f5f1d|8c0e77aa/;

test("not in the log of a build that prints it, nor of the program, its crashes and its answers", async () => {
  const { id, code } = await deploy("leaky", project("leaky", `${LEAK}\n${PIECES}`, SERVER), "--prod");
  expect(code).toBe(0);
  const host = `http://leaky.localhost:${platform.port}`;
  const answers: string[] = [];
  for (const path of [`/${PLAIN}?q=${PLAIN}`, "/throw", "/crash"]) {
    // It is started again after a crash.
    await expect.poll(async () => (await get(`${host}/`)).text(), { timeout: 30_000 }).toBe("well");
    const answer = await get(`${host}${path}`);
    answers.push(JSON.stringify([...answer.headers]), await answer.text());
  }
  const lines = async () => (await cli("logs", id)).stdout;
  await expect
    .poll(async () => (await lines()).includes("crashed with [redacted]"), { timeout: 20_000 })
    .toBe(true);
  const text = await told(id, "leaky");
  expectNone(text);
  expect(text).not.toMatch(PARTS);
  expectNone(answers.join("\n"));
  expect(text).toContain("thrown with [redacted]");
}, 180_000);

test("not in why a build failed: by an error's message, its command, or an exit with its last words", async () => {
  const builds = [
    `${LEAK} throw new Error("failed with " + a + b);`,
    `${LEAK} process.stderr.write("last: " + b.slice(0, 12)); process.exit(3);`,
    // A name that no deployment takes is told by the platform itself.
    `import { writeFileSync } from "node:fs"; ${LEAK} for (const one of [b, b.toUpperCase()]) writeFileSync(one + ".txt", "");`,
    `import { mkdirSync, symlinkSync } from "node:fs"; ${LEAK} mkdirSync("to"); symlinkSync("/etc/passwd", "to/" + b);`,
  ];
  for (const [at, program] of builds.entries()) {
    const { id, code } = await deploy("leaky", project("leaky", program, SERVER));
    expect(code, `build ${at}`).toBe(1);
    const { error } = await platform.client.request("GET /api/deployments/{deployment}", {
      params: { deployment: id },
    });
    expect(error).toMatchObject({
      code: expect.stringMatching(/^(build_failed|invalid_manifest|link_outside)$/),
    });
    const text = await told(id, "leaky");
    expect(text).toContain("[redacted]");
    expectNone(text);
    expect(text).not.toMatch(PARTS);
  }
}, 180_000);

test("an output that shows the sensitive one to visitors is refused, and none of it is kept; settings refuse nothing", async () => {
  const page = (text: string) => `import { mkdirSync, writeFileSync } from "node:fs";
    mkdirSync("public", { recursive: true }); writeFileSync("public/index.html", "<p>" + ${text} + "</p>");`;
  const site = (build: string) =>
    folder({
      "package.json": JSON.stringify({ scripts: { build: "node build.mjs" } }),
      "build.mjs": build,
      "package-lock.json": "{}",
    });
  const shown = await deploy("leaky", site(page("process.env.A")), "--prod");
  expect(shown.code).toBe(1);
  const text = await told(shown.id, "leaky");
  expect(text).toContain("A in static/index.html");
  expect(text).toContain("without --sensitive");
  expectNone(text);
  const stage = "eu-central-1-production";
  await add("settings", { APP_STAGE: stage, SITE: "https://example.com/of/the/team", ON: "true" });
  const fine = await deploy(
    "settings",
    site(page("[process.env.APP_STAGE, process.env.SITE, process.env.ON]")),
    "--prod",
  );
  expect(fine.code).toBe(0);
  expect(await (await get(`http://settings.localhost:${platform.port}/`)).text()).toContain(stage);
}, 240_000);

test("what a program keeps in its own code is told, and stands in that code alone", async () => {
  await add("keeper", { A: KEPT });
  const build = `import { writeFileSync } from "node:fs"; writeFileSync("kept.mjs", "export const kept = " + JSON.stringify(process.env.A));`;
  const server = `import { createServer } from "node:http"; import { kept } from "./kept.mjs";
    createServer((req, res) => res.end(String(kept.length))).listen(process.env.PORT);`;
  const { id, code } = await deploy("keeper", project("keeper", build, server), "--prod");
  expect(code).toBe(0);
  expect(await (await get(`http://keeper.localhost:${platform.port}/`)).text()).toBe(String(KEPT.length));
  const text = await told(id, "keeper");
  expect(text).toContain("A in functions/__service.func/kept.mjs");
  expect(foundKept(text)).toEqual([]);
}, 120_000);

test("not in what the CLI, the platform and its agent printed, nor in the agent's metrics", async () => {
  const numbers = await (await get(`http://127.0.0.1:${metrics}/metrics`)).text();
  expect(numbers).toContain("cloudify_agent_workloads");
  for (const text of [printed.join("\n"), platform.output, numbers]) {
    expectNone(text);
    expect(foundKept(text)).toEqual([]);
  }
});

test("not in any file of the platform's home, the agent's among them, while it runs and when it has ended", async () => {
  const look = () => {
    const bad: string[] = [];
    const kept: string[] = [];
    let hasLog = false;
    // What came from a registry is as it was there.
    const files = filesOf(platform.home).filter((path) => !path.includes("/tools/"));
    for (const path of files) {
      const text = bytesOf(path);
      if (found(text).length > 0 || PARTS.test(text)) bad.push(path);
      if (foundKept(text).length > 0) kept.push(text);
      hasLog ||= text.includes("crashed with [redacted]");
    }
    expect(bad).toEqual([]);
    // The program's own code: its blob, what the agent fetched of it, and what it runs.
    expect(kept.length).toBeGreaterThan(1);
    for (const text of kept) expect(text.startsWith("export const kept = ")).toBe(true);
    // It is logs and workloads that were searched, among others.
    expect(hasLog).toBe(true);
    expect(files.some((path) => /regions\/local\/materials\/.*\.json$/.test(path))).toBe(true);
  };
  look();
  await platform.stop();
  look();
  // And it goes on from what it has kept.
  await platform.start({ CLOUDIFY_REGIONS: "local" });
  expect(await (await get(`http://leaky.localhost:${platform.port}/`)).text()).toBe("well");
}, 120_000);
