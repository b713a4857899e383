/** A workerd process whose life is held to ours: when this process dies, however it dies, it ends too. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";

export interface WorkerdProcess {
  pid: number;
  /** Resolves when it has ended, which it should not by itself. */
  ended: Promise<void>;
  /** Asks it to end, and waits until it has; what is still under way after a few seconds is cut off. */
  stop(): Promise<void>;
}

/**
 * V8 looks through all of a heap first when that holds 32 MB, and knows little of what the runtime keeps behind each
 * object, which is ten times as much: nobody is answered meanwhile, and the memory is held until then. It looks sooner;
 * docs/benchmarks.md says what that gives.
 */
export const V8_FLAGS: readonly string[] = ["--preconfigured-old-space-size=1"];

/** A line of a configuration. */
export const v8Flags = `v8Flags = ${JSON.stringify(V8_FLAGS)},`;

/** Asked to end, workerd waits for what is under way: a WebSocket is that for as long as its client likes. */
const GRACE_MS = 3_000;
const ASK_EVERY_MS = 20;

/**
 * Each of a function's fetches to a host of the platform holds files here and in the platform's own process alike, and
 * either ends when it has none left: so the processes of functions have fewer, and end first.
 */
const SHARE_OF_FILES = 3;

/**
 * @param binary Path of workerd.
 * @param folder Where it runs, and where its configuration lies.
 * @param onError Takes what it prints about itself.
 */
export async function spawnWorkerd(
  binary: string,
  folder: string,
  config: string,
  onError: (chunk: Buffer) => void,
): Promise<WorkerdProcess> {
  // The shell waits for workerd; beside it `cat` waits for the end of the pipe, which closes with us. One that is asked to
  // end waits for what is under way, which may be for ever.
  const files = `n=$(ulimit -n); [ "$n" = unlimited ] || ulimit -n $((n / ${SHARE_OF_FILES})); `;
  const script =
    'exec 3<&0; "$0" "$@" 3<&- </dev/null & pid=$!; echo $pid; (cat <&3 >/dev/null; kill $pid 2>&-; sleep 5; kill -9 $pid 2>&-) >&- 2>&- & wait $pid 2>&-';
  const child = spawn("sh", ["-c", files + script, binary, "serve", "--experimental", config], {
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  child.stderr.on("data", onError);
  // What it says when its pipe breaks is of no interest: it is ending.
  child.stdin.on("error", () => undefined);
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  child.stdout.resume();
  const pid = Number.parseInt(first.toString(), 10);
  const ended = once(child, "exit").then(() => {
    child.stdin.destroy();
    // The one that waits beside workerd has nothing to wait for any more.
    if (child.pid !== undefined) cutOff(-child.pid);
  });
  return {
    pid,
    ended,
    async stop() {
      child.stdin.end();
      const late = setTimeout(() => cutOff(pid), GRACE_MS);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Asks a process that is not of ours to end, and waits until it has, or for as long as it may take. */
export async function ended(pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGTERM");
    for (const until = Date.now() + GRACE_MS; Date.now() < until; await wait(ASK_EVERY_MS))
      process.kill(pid, 0);
  } catch {
    // It is gone.
  }
}

function cutOff(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
