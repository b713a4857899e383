/** Builds as the agent runs them: claimed, limited, ended whole, completed once. The build program is the real one. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildTask } from "#features/regions/tasks.fixture.ts";
import type { BuildJob } from "../../packages/agent/driver.ts";
import { runBuild } from "../../packages/agent/process/build.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "build-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));

/** Runs a text as the build program. */
function build(program: string, signal: AbortSignal, limits: { memoryMib?: number; limitMs?: number } = {}) {
  const lines: string[] = [];
  writeFileSync(join(home, "program.mjs"), program);
  const job: BuildJob = {
    task: { ...buildTask("dpl1"), limitMs: limits.limitMs ?? 60_000 },
    env: { SECRET: "canary" },
    secrets: ["SECRET"],
    sensitive: [],
    source: home,
    output: join(home, "output"),
    cache: join(home, "cache"),
    onLine: (_level, text) => lines.push(text),
  };
  const options = {
    folder: join(home, "builds"),
    node: process.execPath,
    program: join(home, "program.mjs"),
    memoryBytes: (limits.memoryMib ?? 512) * 1_024 * 1_024,
  };
  return { end: runBuild(options, job, signal), lines };
}
const never = new AbortController().signal;
const running = (text: string): string[] =>
  execFileSync("ps", ["-eo", "args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(text) && !line.includes("ps -eo"));

test("what it says is handed on, and how it ends", async () => {
  const { end, lines } = build(
    `import { readFileSync, writeSync } from "node:fs";
    const config = JSON.parse(readFileSync(process.argv[2]));
    const { env } = JSON.parse(readFileSync(config.envFile));
    console.log("home is inside: " + process.env.HOME.startsWith(${JSON.stringify(home)}));
    console.error("agent's own: " + process.env.AGENT_SECRET + ", its own: " + Object.keys(env));
    writeSync(3, JSON.stringify({ level: "warn", text: "by pipe" }) + "\\n" + JSON.stringify({ end: { ok: true } }) + "\\n");`,
    never,
  );
  expect(await end).toEqual({ ok: true });
  expect(lines.sort()).toEqual([
    "agent's own: undefined, its own: SECRET",
    "by pipe",
    "home is inside: true",
  ]);
});

test("a long message is handed on whole, and so is a long end", async () => {
  const { end, lines } = build(
    `import { createWriteStream } from "node:fs";
    const pipe = createWriteStream("", { fd: 3 });
    pipe.write(JSON.stringify({ level: "warn", text: "x".repeat(100_000) }) + "\\n");
    const failure = { ok: false, code: "build_failed", detail: "y".repeat(50_000), fix: "", isRetryable: false };
    pipe.end(JSON.stringify({ end: failure }) + "\\n");`,
    never,
  );
  expect(await end).toMatchObject({ code: "build_failed", detail: "y".repeat(50_000) });
  expect(lines).toEqual(["x".repeat(100_000)]);
});

test("canceled, a build that ignores SIGTERM and has forked out of its group is gone within 5 s", async () => {
  const canceled = new AbortController();
  const { end, lines } = build(
    `import { spawn } from "node:child_process";
    process.on("SIGTERM", () => undefined);
    spawn("sh", ["-c", "setsid sleep 96123 & setsid sh -c 'sleep 96124; sleep 96124' & wait"]);
    setInterval(() => undefined, 1000); console.log("begun");`,
    canceled.signal,
  );
  await expect.poll(() => lines).toContain("begun");
  await expect.poll(() => running("sleep 9612").length).toBeGreaterThanOrEqual(2);
  const began = Date.now();
  canceled.abort();
  expect(await end).toMatchObject({ ok: false, code: "canceled" });
  expect(Date.now() - began).toBeLessThan(5_000);
  expect(running("sleep 9612")).toEqual([]);
});

test("what a build leaves behind ends with it, though it has left its group and dropped its environment", async () => {
  const { end } = build(
    `import { spawn } from "node:child_process";
    import { writeSync } from "node:fs";
    const away = { detached: true, stdio: "ignore" };
    spawn("setsid", ["sh", "-c", "sleep 96125 & sleep 96125 &"], away).unref();
    spawn("setsid", ["env", "-i", "PATH=" + process.env.PATH, "sleep", "96125"], away).unref();
    setTimeout(() => {
      writeSync(3, JSON.stringify({ end: { ok: true } }) + "\\n");
      process.exit();
    }, 500);`,
    never,
  );
  await expect.poll(() => running("sleep 96125").length).toBeGreaterThanOrEqual(3);
  expect(await end).toEqual({ ok: true });
  expect(running("sleep 96125")).toEqual([]);
});

test("one that never ends is ended at its limit", async () => {
  const { end } = build("setInterval(() => undefined, 1000);", never, { limitMs: 100 });
  expect(await end).toMatchObject({ ok: false, code: "build_timeout", isRetryable: false });
});

test("one that takes too much memory, also in what it forks, is ended", async () => {
  const { end } = build(
    `import { spawn } from "node:child_process";
    spawn(process.execPath, ["-e", "const held = []; setInterval(() => held.push(Buffer.alloc(2e7, 1)), 20)"]);
    setInterval(() => undefined, 1000);`,
    never,
    { memoryMib: 200 },
  );
  expect(await end).toMatchObject({ ok: false, code: "build_out_of_memory" });
});

test("one whose detached grandchild, that nothing leads up from, takes too much memory is ended with it", async () => {
  const { end } = build(
    `import { spawn } from "node:child_process";
    const holds = "const held = []; setInterval(() => held.push(Buffer.alloc(2e7, 1)), 20) // 96126";
    const away = { detached: true, stdio: "ignore" };
    spawn("setsid", ["sh", "-c", '"$0" -e "$1" &', process.execPath, holds], away).unref();
    setInterval(() => undefined, 1000);`,
    never,
    { memoryMib: 200 },
  );
  expect(await end).toMatchObject({ ok: false, code: "build_out_of_memory" });
  expect(running("// 96126")).toEqual([]);
});

test("one that prints 200 MB costs no more than its limit of log, and ends well", async () => {
  const { end, lines } = build(
    `import { writeSync } from "node:fs";
    const line = "x".repeat(1023) + "\\n";
    const chunk = line.repeat(1000);
    for (let count = 0; count < 200; count++) writeSync(1, chunk);
    writeSync(3, JSON.stringify({ end: { ok: true } }) + "\\n");`,
    never,
  );
  expect(await end).toEqual({ ok: true });
  expect(lines.join("").length).toBeLessThan(33 * 1_024 * 1_024);
  expect(lines.at(-1)).toContain("left out");
});

test("one that ends without a word has failed, and may be tried again", async () => {
  const { end } = build("process.exit(3);", never);
  expect(await end).toMatchObject({ ok: false, code: "build_failed", isRetryable: true });
  expect(readFileSync(join(home, "program.mjs"), "utf8")).toContain("exit");
});
