import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { BuildEnd } from "../driver.ts";
import { type BuildMessage, MARK } from "../process/contract.ts";
import { Kin } from "../process/kin.ts";
import type { BuildFault } from "./fault.ts";
import { type Limits, Watch } from "./limits.ts";
import { BuildLog, MAX_LOG_BYTES } from "./log.ts";
import { run } from "./run.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const ROOMY: Limits = { timeMs: 60_000, diskBytes: 1024 ** 4, processes: 1_000 };

/** Runs a script as a build's command. @returns How it failed, and what was said. */
async function build(script: string, limits: Partial<Limits> = {}, secrets: string[] = [], more = {}) {
  const cwd = mkdtempSync(join(tmpdir(), "cloudify-build-"));
  const lines: string[] = [];
  const ends: BuildEnd[] = [];
  const log = new BuildLog(secrets, (line) => {
    const message = JSON.parse(line) as BuildMessage;
    if ("text" in message) lines.push(message.text);
    else ends.push(message.end);
  });
  const mark = `build of ${cwd}`;
  const watch = new Watch({ ...ROOMY, ...limits }, [cwd], mark, new AbortController().signal);
  closing.push(() => watch.close());
  const from = performance.now();
  let pid = 0;
  const command = {
    command: script,
    what: "The build",
    cwd,
    env: { PATH: process.env.PATH ?? "", [MARK]: mark, ...more },
  };
  const fault = await run(
    { ...command, code: "build_failed", fix: "Correct it." },
    log,
    (group) => {
      if (group !== null) pid = group;
      watch.follow(group);
    },
    watch.signal,
  ).then(
    () => null,
    (error: BuildFault) => error,
  );
  return { fault, lines, ends, log, cwd, mark, pid, ms: performance.now() - from };
}

const isAlive = (pid: number): boolean => {
  try {
    // A zombie that init has not taken yet is no process any more.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

test("a failure carries the code, the command, and the last lines without their colours", async () => {
  const { fault } = await build("printf 'one\\n\\033[31mtwo\\033[0m\\n' >&2; exit 3");
  expect(fault).toMatchObject({ code: "build_failed", fix: "Correct it.", isRetryable: false });
  expect(fault?.message).toContain("exit code 3");
  expect(fault?.message).toMatch(/one\ntwo$/);
});

test("a build that never ends is ended with what it started, although it ignores SIGTERM", async () => {
  const { fault, ms, lines } = await build(
    "trap '' TERM; (trap '' TERM; echo child $$; sleep 600) & echo begun; sleep 600; sleep 600",
    { timeMs: 300 },
  );
  expect(fault).toMatchObject({ code: "build_timeout", isRetryable: false });
  expect(ms).toBeLessThan(5_000);
  expect(lines).toContain("begun");
});

test("what a command leaves in the background ends with it", async () => {
  const { fault, cwd, ms } = await build("sleep 600 & echo $! > left; exit 0");
  expect(fault).toBeNull();
  expect(ms).toBeLessThan(5_000);
  const left = Number(readFileSync(join(cwd, "left"), "utf8"));
  await expect.poll(() => isAlive(left)).toBe(false);
});

test("a command that is done is not waited for by what has left its group and holds its pipes", async () => {
  const { fault, cwd, ms } = await build(
    "setsid sh -c 'echo $$ > left; exec sleep 600' & while [ ! -s left ]; do :; done",
  );
  closing.push(() => process.kill(Number(readFileSync(join(cwd, "left"), "utf8"))));
  expect(fault).toBeNull();
  expect(ms).toBeLessThan(5_000);
});

test("a build that forks without end is ended", async () => {
  const { fault, pid } = await build("for i in $(seq 200); do sleep 600 & done; wait", { processes: 100 });
  expect(fault).toMatchObject({ code: "too_many_processes" });
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test.runIf(process.platform === "linux").each([
  ["keeps its mark", "{ detached: true, stdio: 'ignore', cwd: '/' }"],
  ["keeps its folder", "{ detached: true, stdio: 'ignore', env: { PATH: process.env.PATH } }"],
])("a build that forks out of its group without end is ended: what it forks %s", async (_, options) => {
  const loop = `const { spawn } = require("node:child_process");
    setInterval(() => spawn("setsid", ["sleep", "999"], ${options}).unref(), 10);`;
  const script = `exec '${process.execPath}' -e "$LOOP"`;
  const { fault, cwd, mark } = await build(script, { processes: 50 }, [], { LOOP: loop });
  const all = { leader: null, mark, folders: [cwd] };
  const left = [...new Kin().look([all]).values()].flat();
  for (const pid of left) process.kill(pid, "SIGKILL");
  expect(fault).toMatchObject({ code: "too_many_processes" });
  // They had left its group, which has been ended.
  expect(left.length).toBeGreaterThan(40);
});

test("a build that fills the disk is ended", async () => {
  const { fault } = await build(
    "i=0; while :; do i=$((i+1)); head -c 16777216 /dev/urandom > file$i || exit 1; sleep 0.1; done",
    {
      diskBytes: 64 * 1024 ** 2,
    },
  );
  expect(fault).toMatchObject({ code: "disk_full" });
});

test("a build that prints without measure goes on; its log is cut, says so, and still knows how it ended", async () => {
  const megabytes = 100;
  const { fault, lines, log } = await build(
    `yes 'a line of a build that says too much' | head -c ${megabytes}000000; echo; echo the reason; exit 1`,
  );
  const told = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  expect(told).toBeGreaterThan(MAX_LOG_BYTES);
  expect(told).toBeLessThan(MAX_LOG_BYTES * 1.01);
  expect(lines.at(-1)).toMatch(/log is cut here/);
  expect(fault?.message).toMatch(/the reason$/);
  log.end({ ok: true });
  expect(lines.at(-1)).toMatch(/^\d+ more lines or parts of lines were not kept$/);
}, 60_000);

test("what is told of a failure has room in a report, with its beginning and its end", async () => {
  const { fault, log, ends } = await build(
    "head -c 50000 /dev/zero | tr '\\0' x; echo; echo the reason; exit 1",
  );
  log.end({ ok: false, code: "build_failed", detail: fault?.message ?? "", fix: "", isRetryable: false });
  const [end] = ends;
  expect(end).toMatchObject({ ok: false, detail: expect.stringMatching(/^The build failed.*the reason$/s) });
  expect(JSON.stringify(end).length).toBeLessThan(4_000);
});

test("a secret is in no line, though it is printed byte by byte, in two streams, in base64, and in the failure", async () => {
  const secret = "correct-horse-battery-staple";
  const { fault, lines } = await build(
    `for c in $(echo '${secret}' | sed 's/./& /g'); do printf %s $c; done; echo; printf 'x${secret}' | base64 >&2; echo '${secret}' >&2; exit 1`,
    {},
    [secret],
  );
  const all = [...lines, fault?.message].join("\n");
  expect(all).not.toContain(secret);
  expect(all).not.toContain(Buffer.from(`x${secret}`).toString("base64").slice(4, -4));
  expect(lines.filter((line) => line.includes("[redacted]"))).toHaveLength(3);
});
