/** The agent as it is started, `node packages/agent/main.ts`, against a control plane that comes and goes. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WORKLOAD_PREFIX } from "@cloudify/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT } from "#scripts/platform/parts.ts";
import { type ControlPlane, INGRESS_KEY, startControlPlane, TOKEN } from "#tests/support/control-plane.ts";
import { answering } from "#tests/support/region.ts";

let plane: ControlPlane;
let home: string;
let agent: Running | null = null;
beforeEach(async () => {
  plane = await startControlPlane();
  home = mkdtempSync(join(tmpdir(), "agent-"));
});
afterEach(async () => {
  await agent?.kill("SIGTERM");
  agent = null;
  await plane.stop();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

interface Running {
  child: ChildProcess;
  said: Record<string, unknown>[];
  origin(): Promise<string>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

function start(env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [join(ROOT, "packages/agent/main.ts")], {
    env: {
      PATH: process.env.PATH ?? "",
      CLOUDIFY_API: plane.url,
      CLOUDIFY_REGION_TOKEN: TOKEN,
      CLOUDIFY_AGENT_HOME: home,
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said: Record<string, unknown>[] = [];
  let rest = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    const parts = `${rest}${chunk}`.split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) said.push(JSON.parse(part));
  });
  const exited = once(child, "exit");
  agent = {
    child,
    said,
    async origin() {
      await expect.poll(() => said.some(({ ingress }) => ingress)).toBe(true);
      return String(said.findLast(({ ingress }) => ingress)?.ingress);
    },
    async kill(signal) {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
  return agent;
}

const service = { kind: "service", command: "node server.mjs", maxDuration: 60 } as const;
const serve = (deployment: string, text: string, more = ""): void =>
  plane.desire(deployment, service, { "server.mjs": answering(text, more) });
const ask = async (running: Running, deployment: string): Promise<string> => {
  const url = `${await running.origin()}${WORKLOAD_PREFIX}${deployment}/node/`;
  const answer = await fetch(url, { headers: { "x-cloudify-ingress-key": INGRESS_KEY } });
  return answer.ok ? answer.text() : `${answer.status} ${answer.headers.get("x-cloudify-ingress-fault")}`;
};
const readyAs = (deployment: string) => plane.statuses.get(`${deployment}.node`)?.ready;

test("what is desired runs, is reported and acknowledged; a tombstone ends it, absence does not", async () => {
  serve("dpl1", "one");
  serve("dpl2", "two", `console.log("hello from two");`);
  const running = start();
  await expect.poll(() => [readyAs("dpl1"), readyAs("dpl2")]).toEqual(["true", "true"]);
  expect(await ask(running, "dpl1")).toBe("one");
  await expect.poll(() => plane.leases.at(-1)?.applied).toEqual({ cursor: 2, digest: plane.digest });
  await expect
    .poll(() => plane.lines.get("dpl2")?.[0])
    .toMatchObject({ stream: "region:fra", text: "hello from two" });
  plane.bury("dpl1");
  await expect.poll(() => ask(running, "dpl1")).toBe("503 absent");
  expect(await ask(running, "dpl2")).toBe("two");
  await expect.poll(() => plane.leases.at(-1)?.applied).toEqual({ cursor: 3, digest: plane.digest });
});

test("with the control plane off, an agent that was killed starts what ran, from what it knows", async () => {
  serve("dpl1", "still here");
  const first = start();
  await expect.poll(() => readyAs("dpl1")).toBe("true");
  plane.isOff = true;
  await first.kill("SIGKILL");
  expect(statSync(join(home, "desired.json")).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, "materials/dpl1.node.json")).mode & 0o777).toBe(0o600);
  const workloads = join(home, "process/workloads");
  mkdirSync(join(workloads, "gone.node/layout"), { recursive: true });
  const second = start();
  await expect.poll(() => ask(second, "dpl1")).toBe("still here");
  // Whose tombstone was heard by the one before: nobody says it again.
  expect(readdirSync(workloads)).toEqual(["dpl1.node"]);
  // And when it is back, both come to the same.
  serve("dpl2", "new");
  plane.isOff = false;
  await expect.poll(() => readyAs("dpl2"), { timeout: 30_000 }).toBe("true");
  expect(plane.epoch).toBe(2);
});

test("a damaged file is set aside with a clear line, and what it held comes again", async () => {
  serve("dpl1", "one");
  await Promise.all([start().origin(), expect.poll(() => readyAs("dpl1")).toBe("true")]);
  await agent?.kill("SIGKILL");
  for (const name of ["desired.json", "materials/dpl1.node.json"])
    writeFileSync(join(home, name), "{ half of");
  const running = start();
  await expect.poll(() => ask(running, "dpl1")).toBe("one");
  expect(running.said.map(({ message }) => message)).toContain(
    "The file desired.json of the agent's home is damaged; it was set aside, and is not used.",
  );
  expect(readdirSync(home).some((name) => name.startsWith("desired.json.corrupt-"))).toBe(true);
});

test("fenced, it changes nothing and serves on; granted anew, it catches up", async () => {
  serve("dpl1", "one");
  const running = start();
  await expect.poll(() => readyAs("dpl1")).toBe("true");
  plane.usurp();
  serve("dpl2", "two");
  await expect.poll(() => plane.leases.at(-1)?.epoch).toBeNull();
  expect(await ask(running, "dpl1")).toBe("one");
  expect(await ask(running, "dpl2")).toBe("503 absent");
  plane.release();
  await expect.poll(() => ask(running, "dpl2")).toBe("two");
  expect(plane.epoch).toBe(3);
});

test("a snapshot that is suddenly empty ends nothing, and is said to be refused", async () => {
  serve("dpl1", "one");
  await expect.poll(() => plane.cursor).toBe(1);
  const first = start();
  await expect.poll(() => readyAs("dpl1")).toBe("true");
  await first.kill("SIGKILL");
  plane.lie = () => ({ kind: "snapshot", cursor: 5, digest: emptyDigest, items: [], tombstones: [] });
  const second = start();
  await expect.poll(() => second.said.some(({ reason }) => reason === "shrunken")).toBe(true);
  expect(await ask(second, "dpl1")).toBe("one");
});
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

test("its credential rotates with each renewal, and is on disk before it is used", async () => {
  plane.rotates = true;
  start();
  await expect.poll(() => plane.leases.length).toBeGreaterThanOrEqual(4);
  await agent?.kill("SIGKILL");
  const before = plane.leases.length;
  start();
  await expect.poll(() => plane.leases.length).toBeGreaterThan(before + 1);
});

test("revoked, it says so and serves on", async () => {
  serve("dpl1", "one");
  const running = start();
  await expect.poll(() => readyAs("dpl1")).toBe("true");
  plane.revoke();
  await expect
    .poll(() => running.said.map(({ message }) => message))
    .toContain("The control plane does not know this agent's credential; what runs here goes on.");
  expect(await ask(running, "dpl1")).toBe("one");
});

test("a wrong configuration and a wrong token are said, with exit codes of their own", async () => {
  const codeOf = async ({ child }: Running) => (await once(child, "exit"))[0] as number;
  expect(await codeOf(start({ CLOUDIFY_API: "ftp://x" }))).toBe(2);
  const wrong = start({ CLOUDIFY_REGION_TOKEN: "cfyr_other" });
  expect(await codeOf(wrong)).toBe(3);
  expect(wrong.said.at(-1)?.message).toMatch(
    /token was refused.*`cloudify regions token <name>` makes a new one/,
  );
  const first = start();
  await first.origin();
  const second = start();
  expect(await codeOf(second)).toBe(4);
  await first.kill("SIGTERM");
});

test("asked to end, it says that it is leaving, ends its workloads, and exits with 0", async () => {
  serve("dpl1", "one", "/* workload 83746 */");
  const running = start({ CLOUDIFY_METRICS_PORT: "0" });
  await expect.poll(() => readyAs("dpl1")).toBe("true");
  const { metricsPort } = running.said.findLast((line) => "metricsPort" in line) ?? {};
  expect((await fetch(`http://127.0.0.1:${metricsPort}/healthz`)).status).toBe(200);
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  expect(metrics).toContain("cloudify_agent_lease_held 1\n");
  expect(metrics).toContain('cloudify_agent_workloads{reason="Ready"} 1\n');
  expect(await running.kill("SIGTERM")).toBe(0);
  expect(plane.leases.at(-1)?.isDraining).toBe(true);
  const left = execFileSync("ps", ["-eo", "args="], { encoding: "utf8" });
  expect(left).not.toContain(home);
});

/** The source of a project, as a manifest names it. */
function source(files: Record<string, string>): string {
  const listed = Object.entries(files).map(([path, text]) => ({ path, ...plane.store(text) }));
  return plane.store(JSON.stringify({ v: 1, files: listed })).sha256;
}

/** A server by itself, which needs nothing from a registry, and is built by a program of its own. */
const project = (program: string): string => {
  const scripts = { build: "node build.mjs", start: "node server.mjs" };
  return source({ "package.json": JSON.stringify({ scripts }), "build.mjs": program, "server.mjs": "" });
};
const writes = `import { writeFileSync } from "node:fs"; writeFileSync("page.txt", "built");`;

test("a build is claimed, its log told, its output uploaded, and completed once", async () => {
  start();
  const program = `${writes} console.log("the secret is " + process.env.SECRET);`;
  plane.offer({ deployment: "dpl1", source: project(program) }, { SECRET: "canary-1234567" });
  await expect.poll(() => plane.results, { timeout: 60_000 }).toHaveLength(1);
  const log = plane.lines
    .get("dpl1")
    ?.map(({ text }) => text)
    .join("\n");
  const { result } = plane.results[0] ?? {};
  expect(result, log).toMatchObject({ ok: true });
  if (!result?.ok) return;
  const page = result.output.find(({ path }) => path === "functions/__service.func/page.txt");
  expect(plane.blobs.get(page?.sha256 ?? "")?.toString()).toBe("built");
  await expect
    .poll(() => plane.lines.get("dpl1")?.some(({ text }) => text.includes("the secret is")))
    .toBe(true);
  expect(JSON.stringify(plane.lines.get("dpl1"))).not.toContain("canary-1234567");
  expect(JSON.stringify(plane.lines.get("dpl1")?.map(({ stream }) => stream))).toMatch(
    /^\["build"(,"build")*\]$/,
  );
  await expect.poll(() => readdirSync(join(home, "tasks"))).toEqual([]);
}, 120_000);

test("a build that nobody wants any more is ended within 5 s; one whose agent was killed has failed", async () => {
  const running = start();
  const endless = project(`console.log("builds"); setInterval(() => "build 83747", 1000);`);
  plane.offer({ deployment: "dpl1", source: endless });
  const says = (deployment: string) =>
    plane.lines.get(deployment)?.some(({ text }) => text.includes("builds"));
  await expect.poll(() => says("dpl1"), { timeout: 60_000 }).toBe(true);
  const canceledAt = Date.now();
  plane.over.add("build.dpl1");
  const jobs = () => execFileSync("ps", ["-eo", "args="], { encoding: "utf8" }).includes("build.mjs");
  await expect.poll(() => readdirSync(join(home, "tasks")), { timeout: 10_000 }).toEqual([]);
  expect(Date.now() - canceledAt).toBeLessThan(7_000);
  plane.offer({ deployment: "dpl2", source: endless });
  await expect.poll(() => says("dpl2"), { timeout: 60_000 }).toBe(true);
  await running.kill("SIGKILL");
  await expect.poll(jobs).toBe(false);
  start();
  await expect
    .poll(() => plane.results, { timeout: 20_000 })
    .toMatchObject([
      { id: "build.dpl2", result: { ok: false, failure: { code: "agent_restarted" }, isRetryable: true } },
    ]);
});

test("stopped and gone on, an agent whose lease is another's changes nothing", async () => {
  await plane.stop();
  plane = await startControlPlane(4_000);
  serve("dpl1", "one");
  const running = start();
  await expect.poll(() => readyAs("dpl1")).toBe("true");
  running.child.kill("SIGSTOP");
  plane.usurp();
  plane.bury("dpl1");
  running.child.kill("SIGCONT");
  await expect
    .poll(() => running.said.some(({ message }) => String(message).startsWith("Another epoch")))
    .toBe(true);
  expect(await ask(running, "dpl1")).toBe("one");
});

test("lines that nobody takes are kept through a restart, and arrive once and in order", async () => {
  const counting = `let n = 0; setInterval(() => console.log("line " + n++), 20);`;
  serve("dpl1", "one", counting);
  const first = start();
  await expect.poll(() => plane.lines.get("dpl1")?.length ?? 0).toBeGreaterThan(5);
  plane.isOff = true;
  const spool = join(home, "lines/dpl1.ndjson");
  await expect.poll(() => readFileSync(spool, "utf8").split("\n").length).toBeGreaterThan(20);
  await first.kill("SIGKILL");
  const kept = [...readFileSync(spool, "utf8").matchAll(/"text":"line (\d+)"/g)].map(([, n]) => Number(n));
  plane.isOff = false;
  start();
  const received = () => plane.lines.get("dpl1")?.map(({ text }) => Number(text.slice(5))) ?? [];
  await expect.poll(() => received().indexOf(kept.at(-1) ?? -1), { timeout: 20_000 }).toBeGreaterThan(0);
  const upTo = received().slice(0, received().indexOf(kept.at(-1) ?? -1) + 1);
  expect(upTo).toEqual(upTo.map((_, at) => at));
});
