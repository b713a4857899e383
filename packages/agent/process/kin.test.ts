import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { MARK } from "./contract.ts";
import { type Family, Kin } from "./kin.ts";
import { memoryOf } from "./usage.ts";

const MEBIBYTE = 1_024 * 1_024;
/** Holds memory, and says which process it is. */
const HOLDER =
  "globalThis.held = Buffer.alloc(100 * 1024 * 1024, 1); console.log(process.pid); setInterval(() => {}, 1e6)";

const left: number[] = [];
afterEach(() => {
  for (const pid of left.splice(0)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
});

/** Starts a family of a shell whose script starts a holder by `"$0" -e "$1"`. @returns The holder's id, once it holds. */
async function start(script: string, options: { cwd?: string; mark?: string } = {}) {
  const env = { PATH: process.env.PATH, ...(options.mark !== undefined && { [MARK]: options.mark }) };
  const child: ChildProcess = spawn("sh", ["-c", script, process.execPath, HOLDER], {
    cwd: options.cwd ?? "/",
    env,
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { pid = 0, stdout } = child;
  left.push(pid);
  if (!stdout) throw new Error("No output");
  const [said] = (await once(stdout, "data")) as [Buffer];
  const holder = Number(said.toString());
  left.push(holder);
  return { child, pid, holder };
}

const family = (about: Partial<Family>): Family => ({ leader: null, mark: null, folders: [], ...about });
const lookFor = (one: Family, kin = new Kin()): number[] => kin.look([one]).get(one) ?? [];
const folder = (): string => realpathSync(mkdtempSync(join(tmpdir(), "kin-")));
/** The shell ends at once, so that nothing leads up from the holder. */
const AWAY = 'setsid "$0" -e "$1" &';
const BARE = 'env -i setsid "$0" -e "$1" &';

const onLinux = test.runIf(process.platform === "linux");

onLinux("what a program has started is its own, also in a session of its own, with its memory", async () => {
  const { pid, holder } = await start('setsid "$0" -e "$1" & wait');
  const members = lookFor(family({ leader: pid }));
  expect(members).toEqual(expect.arrayContaining([pid, holder]));
  expect(memoryOf(members)).toBeGreaterThan(100 * MEBIBYTE);
  expect(memoryOf(members)).toBeLessThan(500 * MEBIBYTE);
});

onLinux("what has left its parent, group and session is found by its mark", async () => {
  const { pid, holder, child } = await start(AWAY, { mark: "here" });
  if (child.exitCode === null) await once(child, "exit");
  expect(lookFor(family({ leader: pid, mark: "here" }))).toEqual([holder]);
  expect(lookFor(family({ leader: pid, mark: "her" }))).toEqual([]);
});

onLinux("what has dropped its environment too is found by its folder", async () => {
  const cwd = folder();
  const { pid, holder, child } = await start(BARE, { mark: "here", cwd });
  if (child.exitCode === null) await once(child, "exit");
  expect(lookFor(family({ leader: pid, mark: "here", folders: [cwd] }))).toEqual([holder]);
  expect(lookFor(family({ folders: [cwd.slice(0, -1)] }))).toEqual([]);
});

onLinux("what has once belonged does so wherever it goes", async () => {
  const { pid, holder, child } = await start(`${BARE} exec sleep 600`);
  const kin = new Kin();
  const one = family({ leader: pid });
  expect(lookFor(one, kin)).toContain(holder);
  process.kill(-pid, "SIGKILL");
  if (child.signalCode === null) await once(child, "exit");
  expect(lookFor(one, kin)).toEqual([holder]);
  // Who has not seen it there can't tell.
  expect(lookFor(one)).toEqual([]);
});

onLinux("families that are looked for together are told apart", async () => {
  const [a, b] = await Promise.all([start(AWAY, { mark: "a" }), start(AWAY, { mark: "b" })]);
  const [first, second] = [family({ mark: "a" }), family({ mark: "b" })];
  const members = new Kin().look([first, second]);
  expect(members.get(first)).toContain(a.holder);
  expect(members.get(second)).toContain(b.holder);
  expect(members.get(first)).not.toContain(b.holder);
});

onLinux("the one that looks, and who has started it, are of no family", () => {
  const members = lookFor(family({ folders: [process.cwd()] }));
  expect(members).not.toContain(process.pid);
  expect(members).not.toContain(process.ppid);
});
