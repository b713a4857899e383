/** What customers' programs do wrong, and what becomes of them, of the others, and of this machine. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answering, type Region, startRegion } from "#tests/support/region.ts";
import { VirtualClock } from "#tests/support/virtual-clock.ts";

let region: Region;
beforeEach(async () => {
  region = await startRegion({ drainMs: 2_000, startLimitMs: 1_500 });
});
afterEach(() => region.stop());

/** Processes whose command line holds a text that no other's does. */
const running = (text: string): string[] =>
  execFileSync("ps", ["-eo", "pid=,stat=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(text) && !/^\s*\d+ Z/.test(line))
    .filter((line) => !line.includes("ps -eo"));

test("a program that ends at once is started again, ever more seldom, and its status holds what it said", async () => {
  await region.apply(region.service(`console.error("no database"); process.exit(7);`));
  await expect.poll(() => region.said()?.restarts).toBeGreaterThanOrEqual(2);
  expect(region.said()).toMatchObject({ ready: "false", generation: 1 });
  const crashed = region.statuses.findLast(({ reason }) => reason === "Crashed");
  expect(crashed?.detail).toContain("code 7");
  expect(crashed?.detail).toContain("no database");
  const answer = await region.ask("/");
  expect(answer.status).toBe(502);
  expect(answer.headers.get("x-cloudify-ingress-fault")).toBe("unreachable");
});

test("a program that listens on nothing is ended, and says so", async () => {
  await region.apply(region.service("setInterval(() => undefined, 1000);"));
  await expect.poll(() => region.said()?.reason).toBe("NotListening");
  // While it is tried again, too: nobody may miss why.
  await expect.poll(() => region.said()?.restarts).toBe(2);
  expect(region.said()).toMatchObject({ ready: "false", reason: "NotListening" });
  expect(region.statuses.filter(({ reason }) => reason === "Starting")).toHaveLength(1);
});

test.runIf(process.platform === "linux")("a stranger at its port gets none of its visitors", async () => {
  // Each waits until a stranger has taken its port of 127.0.0.1; the second is at home at ::1 all the same.
  const program = `import { existsSync, writeFileSync } from "node:fs";
    import { connect } from "node:net";
    import { createServer } from "node:http";
    console.log("port " + process.env.PORT);
    const look = () => connect(process.env.PORT, "127.0.0.1").on("error", () => setTimeout(look, 20)).on("connect", () => {
      if (!process.env.AT) return setInterval(() => undefined, 1000);
      createServer((req, res) => res.end("mine")).listen(process.env.PORT, process.env.AT);
    });
    look();`;
  const strangers = [createServer(), createServer()].map((one) =>
    one.on("request", (_, res) => res.end("no")),
  );
  const takePortOf = async (deployment: string, stranger = strangers.shift()) => {
    const told = () =>
      region.lines.find((line) => line.deployment === deployment && line.text.startsWith("port "))?.text;
    await expect.poll(told).toBeDefined();
    stranger?.listen(Number(told()?.slice(5)), "127.0.0.1").unref();
  };
  await region.apply(region.service(program));
  await takePortOf("dpl1");
  await expect.poll(() => region.said()?.reason).toBe("NotListening");
  expect(region.statuses.map(({ ready }) => ready)).not.toContain("true");
  await region.apply(region.service(program, { deployment: "dpl2", env: { AT: "::1" } }));
  await takePortOf("dpl2");
  await expect.poll(() => region.said("dpl2")?.reason).toBe("Ready");
  expect(await (await region.ask("/", {}, "dpl2")).text()).toBe("mine");
});

test("a program that takes more memory than it may is ended, and its neighbour goes on", async () => {
  await region.apply(region.service(answering("neighbour"), { deployment: "dpl2" }));
  const leaking = answering(
    "leak",
    "const held = []; setInterval(() => held.push(Buffer.alloc(8e6, 1)), 10);",
  );
  await region.apply(region.service(leaking, { memory: 64 }));
  await expect.poll(() => region.statuses.map(({ reason }) => reason)).toContain("OutOfMemory");
  expect(region.lines.map(({ text }) => text)).toContain("It held more than 128 MiB, and was ended.");
  expect(await (await region.ask("/", {}, "dpl2")).text()).toBe("neighbour");
});

test("a program that ignores SIGTERM and has forked out of its group leaves nothing behind", async () => {
  const stubborn = `import { spawn } from "node:child_process";
  process.on("SIGTERM", () => undefined);
  spawn("sh", ["-c", "setsid sleep 98123 & setsid sh -c 'trap : TERM; sleep 98124; sleep 98124' & wait"]);`;
  const wish = region.service(answering("up", stubborn));
  await region.apply(wish);
  expect(await (await region.ask("/")).text()).toBe("up");
  await expect.poll(() => running("sleep 9812").length).toBeGreaterThanOrEqual(2);
  await region.driver.remove(wish.id, { epoch: 1, generation: 2 });
  expect((await region.ask("/")).headers.get("x-cloudify-ingress-fault")).toBe("absent");
  await expect.poll(() => running("sleep 9812"), { timeout: 15_000 }).toEqual([]);
  await expect.poll(() => existsSync(join(region.home, "driver/workloads", wish.id))).toBe(false);
  await expect.poll(() => readdirSync(join(region.home, "driver/runs"))).toEqual([]);
});

test("a tombstone removes the folder of what only an agent before this one has run", async () => {
  const workloads = join(region.home, "driver/workloads");
  for (const one of ["dpl1.node/layout", "dpl2.node/layout"])
    mkdirSync(join(workloads, one), { recursive: true });
  expect(await region.driver.remove("dpl1.node", { epoch: 1, generation: 2 })).toEqual({ ok: true });
  expect(await region.driver.remove("../workloads", { epoch: 1, generation: 2 })).toEqual({ ok: true });
  expect(readdirSync(workloads)).toEqual(["dpl2.node"]);
});

test("what is put up again leaves no draft and no older layout beside it", async () => {
  const folder = join(region.home, "driver/workloads/dpl1.node");
  for (const one of ["older", "older.draft"]) mkdirSync(join(folder, one), { recursive: true });
  await region.apply(region.service(answering("up")));
  expect(await (await region.ask("/")).text()).toBe("up");
  expect(readdirSync(folder)).toHaveLength(1);
  expect(readdirSync(folder)[0]).toMatch(/^[0-9a-f]{64}$/);
});

test("a program that fills standard output slows nobody else, and is not stopped by it", async () => {
  const loud = answering("loud", `const line = "x".repeat(1e5); setInterval(() => console.log(line), 1);`);
  await region.apply(region.service(loud));
  await region.apply(region.service(answering("quiet"), { deployment: "dpl2" }));
  await expect.poll(() => region.lines.length, { timeout: 20_000 }).toBeGreaterThan(500);
  expect(await (await region.ask("/", {}, "dpl2")).text()).toBe("quiet");
  expect(await (await region.ask("/")).text()).toBe("loud");
});

test("its environment is its own: nothing of the agent's, no secret in its lines", async () => {
  process.env.AGENT_SECRET = "must not be seen";
  const told = { env: { MINE: "value", API_KEY: "canary-1234567" }, secrets: ["API_KEY"] };
  const program = answering("", `console.log(JSON.stringify(process.env));`);
  await region.apply(region.service(program, told));
  await expect.poll(() => region.lines.length).toBe(1);
  delete process.env.AGENT_SECRET;
  const text = region.lines[0]?.text ?? "";
  const env = JSON.parse(text) as Record<string, string>;
  expect(env).toMatchObject({
    MINE: "value",
    API_KEY: "[redacted]",
    CLOUDIFY_REGION: "fra",
    VERCEL_REGION: "fra",
  });
  expect(env).not.toHaveProperty("AGENT_SECRET");
  expect(text).not.toContain("canary-1234567");
});

test("what is not used sleeps, and wakes for the next request", async () => {
  await region.stop();
  region = await startRegion({ idleMs: 300 });
  await region.apply(region.service(answering("awake")));
  await expect.poll(() => region.said()?.reason).toBe("Ready");
  await expect.poll(() => region.said()?.reason).toBe("Idle");
  expect(region.said()?.ready).toBe("true");
  await expect.poll(() => running(join(region.home, "driver"))).toEqual([]);
  expect(await (await region.ask("/")).text()).toBe("awake");
});

test("what sleeps is not woken by being said again, also not by an agent that acts anew", async () => {
  const wish = region.service(answering("asleep"));
  await region.apply({ ...wish, isWarm: false });
  await region.apply(wish);
  await region.apply({ ...wish, stamp: { ...wish.stamp, epoch: 2 } });
  expect(region.said()).toMatchObject({ ready: "true", reason: "Idle" });
  expect(running(join(region.home, "driver"))).toEqual([]);
  await region.apply({ ...wish, stamp: { epoch: 2, generation: 2 } });
  await expect.poll(() => region.said()).toMatchObject({ reason: "Ready", generation: 2 });
});

test("files that lead out of the folder, and older words, are refused", async () => {
  const run = { kind: "service", command: "true", maxDuration: 1 } as const;
  const outside = await region.apply(region.wish(run, { "../x": "" }));
  expect(outside).toMatchObject({ ok: false, reason: "invalid" });
  await region.apply(region.service(answering("5"), { generation: 5 }));
  const older = await region.apply(region.service(answering("4"), { generation: 4 }));
  expect(older).toMatchObject({ ok: false, reason: "fenced" });
  const again = await region.apply(region.service(answering("5"), { generation: 5 }));
  expect(again).toEqual({ ok: true });
  expect(await (await region.ask("/")).text()).toBe("5");
});

test("under 200 requests a second it is replaced ten times, and no request fails", async () => {
  const version = (generation: number) => {
    // Some answers take longer than the replacement.
    const program = `import { createServer } from "node:http";
    createServer((req, res) => setTimeout(() => res.end("${generation}"), req.url === "/slow" ? 800 : 0)).listen(process.env.PORT);`;
    return region.service(program, { generation });
  };
  await region.apply(version(1));
  await expect.poll(() => region.said()?.reason).toBe("Ready");
  const pending: Promise<string>[] = [];
  let count = 0;
  const ask = async (path: string, method: string): Promise<string> => {
    const answer = await region.ask(path, method === "GET" ? {} : { method, body: "bytes" });
    return answer.ok ? answer.text() : `${answer.status} ${answer.headers.get("x-cloudify-ingress-fault")}`;
  };
  const load = setInterval(() => {
    count += 1;
    const path = count % 10 === 0 ? "/slow" : "/";
    pending.push(ask(path, count % 3 === 0 ? "POST" : "GET").catch(String));
  }, 5);
  for (let generation = 2; generation <= 11; generation++) {
    await region.apply(version(generation));
    await expect.poll(() => region.said()).toMatchObject({ generation, reason: "Ready" });
  }
  clearInterval(load);
  const answers = await Promise.all(pending);
  expect(answers.length).toBeGreaterThan(100);
  expect(answers.filter((answer) => !/^\d+$/.test(answer))).toEqual([]);
  // Once a newer one has answered, no older one begins to.
  expect(await (await region.ask("/")).text()).toBe("11");
});

test("a generation that can't start leaves the one before it to serve", async () => {
  await region.apply(region.service(answering("well")));
  await expect.poll(() => region.said()?.reason).toBe("Ready");
  await region.apply(region.service("process.exit(1)", { generation: 2 }));
  await expect.poll(() => region.said()?.restarts).toBeGreaterThanOrEqual(2);
  expect(region.said()).toMatchObject({ generation: 2, ready: "false" });
  expect(await (await region.ask("/")).text()).toBe("well");
});

test("what repairs a crash loop waits for no pause of what it repairs, and bears none of its crashes", async () => {
  await region.stop();
  // It stands still: a pause is only ever over because something ends it.
  const clock = new VirtualClock();
  region = await startRegion({ clock, random: () => 0.5 });
  const crashing = `console.log("first"); process.exit(1);`;
  await region.apply(region.service(crashing));
  await expect.poll(() => clock.pass(0).then(() => region.said()?.restarts)).toBe(2);
  expect((await region.ask("/")).status).toBe(502);
  await region.apply(region.service(answering("mended"), { generation: 2 }));
  expect(await (await region.ask("/")).text()).toBe("mended");
  expect(region.said()).toMatchObject({ generation: 2, ready: "true", restarts: 0 });
  expect(region.lines.filter(({ text }) => text === "first")).toHaveLength(2);
});

test("what was starting when something newer was wanted ends for itself alone", async () => {
  const go = join(region.home, "go");
  const failing = `import { existsSync } from "node:fs";
    console.log("begun");
    setInterval(() => existsSync(${JSON.stringify(go)}) && process.exit(1), 10);`;
  await region.apply(region.service(failing));
  await expect.poll(() => region.lines.map(({ text }) => text)).toContain("begun");
  await region.apply(region.service(answering("well"), { generation: 2 }));
  writeFileSync(go, "");
  await expect.poll(() => region.said()).toMatchObject({ generation: 2, ready: "true", restarts: 0 });
  expect(region.lines.map(({ text }) => text)).toContain("It ended with code 1.");
  expect(region.statuses.map(({ reason }) => reason)).not.toContain("Crashed");
});

test("asked to end, a program may finish what it does, also behind a shell", async () => {
  const finishing = `process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(0); }, 500));`;
  const wish = region.service(answering("up", finishing));
  await region.apply(wish);
  await expect.poll(() => region.said()?.reason).toBe("Ready");
  await region.driver.remove(wish.id, { epoch: 1, generation: 2 });
  await expect.poll(() => region.lines.map(({ text }) => text)).toContain("finished");
});

test("kill -9 of the agent leaves no process of its workloads", async () => {
  const script = `
    import { startRegion, answering } from "./tests/support/region.ts";
    const region = await startRegion();
    const more = 'import { spawn } from "node:child_process"; spawn("sh", ["-c", "setsid sleep 97123"]);';
    await region.apply(region.service(answering("up", more)));
    await region.ask("/");
    console.log("up");`;
  const agent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(agent.stdout, "data");
  await expect.poll(() => running("sleep 97123").length).toBeGreaterThan(0);
  agent.kill("SIGKILL");
  await expect.poll(() => running("sleep 97123")).toEqual([]);
});
