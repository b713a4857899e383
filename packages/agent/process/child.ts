/**
 * A child in a process group of its own whose life is held to ours: when this process dies, however it dies, the child and
 * all that it has started end too. Knows nothing of what the child is for.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as after } from "node:timers/promises";
import { MARK } from "./contract.ts";
import type { Family } from "./kin.ts";
import { processesIn, processesThat } from "./strays.ts";

export interface ChildOptions {
  command: string;
  args: readonly string[];
  cwd: string;
  env: Record<string, string>;
  /** Descriptors, of 3 and 4, that are pipes to us. */
  pipes: readonly (3 | 4)[];
  /** Whatever works in this folder is of this child, and ends with it; real path. */
  own?: string;
}

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Child {
  /** Also of its process group. */
  pid: number;
  /** By what its processes are found. */
  family: Family;
  stdout: Readable;
  stderr: Readable;
  pipe(descriptor: 3 | 4): Readable;
  /** Ids of its processes, wherever they have gone; none where there is no /proc. */
  members(): number[];
  /** Resolves when the program has ended and nothing that it started is left. Never rejects. */
  ended: Promise<Ending>;
  /** SIGTERM to the group, after the grace SIGKILL to all. Resolves with `ended`. */
  stop(graceMs: number): Promise<Ending>;
}

/**
 * The shell leaves a guard in the group and becomes the program. The guard holds the far end of pipe 5, which closes with
 * us; then it ends what carries the mark, and the group with itself. It has no mark, since only the program gets one.
 */
const GUARDED = `mark=$1; shift
(trap '' TERM INT HUP QUIT; cat <&5
for round in 1 2 3; do
  for one in $(grep -lsazx -- "${MARK}=$mark" /proc/[0-9]*/environ); do
    one=\${one#/proc/}; kill -s KILL "\${one%/environ}"
  done
done
kill -s KILL -- -$$) </dev/null >/dev/null 2>&1 3>&- 4>&- &
exec env "${MARK}=$mark" "$@" 5<&-`;

/** @throws When it can't be started at all; that its program is not there is an ending with code 127. */
export async function startChild({ command, args, cwd, env, pipes, own }: ChildOptions): Promise<Child> {
  const mark = randomBytes(12).toString("hex");
  const pipe = (descriptor: 3 | 4) => (pipes.includes(descriptor) ? "pipe" : "ignore");
  const child = spawn("sh", ["-c", GUARDED, "guard", mark, command, ...args], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe", pipe(3), pipe(4), "pipe"],
  });
  await once(child, "spawn");
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new Error("A child without a pid");
  // What is said when the pipe breaks is of no interest: it is ending.
  for (const stream of child.stdio) stream?.on("error", () => undefined);

  const stopping = { until: 0 };
  const ended = endOf(child, pid, { mark, own }, stopping);
  return {
    pid,
    family: { leader: pid, mark, folders: own === undefined ? [] : [own] },
    stdout,
    stderr,
    pipe(descriptor) {
      const stream = child.stdio[descriptor];
      if (!stream) throw new Error(`Descriptor ${descriptor} is no pipe`);
      return stream as Readable;
    },
    members: () => [...new Set([...inGroup(pid), ...marked(mark)])],
    ended,
    async stop(graceMs) {
      // Who asks again may shorten what is left, and not begin anew.
      const until = Date.now() + graceMs;
      stopping.until = stopping.until === 0 ? until : Math.min(stopping.until, until);
      if (child.exitCode === null && child.signalCode === null) signalAll(-pid, "SIGTERM");
      const late = new AbortController();
      void after(graceMs, undefined, { signal: late.signal }).then(
        () => signalAll(-pid, "SIGKILL"),
        () => undefined,
      );
      await ended;
      late.abort();
      return ended;
    },
  };
}

interface Sought {
  mark: string;
  own: string | undefined;
}

async function endOf(
  child: ChildProcess,
  pid: number,
  { mark, own }: Sought,
  stopping: { until: number },
): Promise<Ending> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  // A shell ends at once when it is asked to; what it has started may still be finishing.
  while (Date.now() < stopping.until && marked(mark).length > 0) await after(50);
  // The guard still holds the number of the group, so this can't hit another's.
  signalAll(-pid, "SIGKILL");
  await endAll({ mark, own });
  // What it has last said is still in its pipes.
  const isClosed = child.stdout?.closed === true && child.stderr?.closed === true;
  if (!isClosed) await Promise.race([once(child, "close"), after(1_000)]);
  for (const stream of child.stdio) stream?.destroy();
  return { code, signal };
}

/** What has left the group: looked for until a look finds none, since it may be starting more meanwhile. */
async function endAll({ mark, own }: Sought): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const found = [...marked(mark), ...(own === undefined ? [] : processesIn(own))];
    if (found.length === 0) return;
    for (const pid of found) signalAll(pid, "SIGKILL");
    await after(20);
  }
}

/** Empty where there is no /proc. */
function marked(mark: string): number[] {
  const sought = Buffer.from(`${MARK}=${mark}\0`);
  return processesThat((pid) => readFileSync(`/proc/${pid}/environ`).includes(sought));
}

function inGroup(group: number): number[] {
  return processesThat((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Behind the name in brackets, which may hold anything: state, parent, group.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3)[2]) === group;
  });
}

function signalAll(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // It has just ended.
  }
}
