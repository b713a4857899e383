/** Runs a command of a build in a process group of its own: its bytes go to the log, an abort ends all of the group. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as after } from "node:timers/promises";
import { BuildFault } from "./fault.ts";
import { type BuildLog, Tail } from "./log.ts";

/** Between the request to end and the end without a request, in milliseconds. A cancel takes 5 s at most. */
const GRACE_MS = 2_000;
/** What a command has left behind may hold its pipes: they are waited for no longer, in milliseconds. */
const DRAIN_MS = 1_000;

export interface Command {
  /** For a shell; a list is run as it is. */
  command: string | readonly string[];
  /** As a failure shows it; the command itself without. */
  shown?: string;
  /** Lines that are not told. */
  noise?: RegExp;
  /** `The install`, as a failure names it. */
  what: string;
  cwd: string;
  env: Record<string, string>;
  /** What a failure is told as. */
  code: string;
  fix: string;
}

/** Told of each group that runs, so that limits can be held to it. */
export type OnGroup = (pid: number | null) => void;

/** @throws BuildFault, or the signal's reason. */
export async function run(
  { command, what, cwd, env, code: as, fix, ...more }: Command,
  log: BuildLog,
  onGroup: OnGroup,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const shown = log.redact(more.shown ?? (typeof command === "string" ? command : command.join(" ")));
  const [file = "", ...words] = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const child = spawn(file, words, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const tail = new Tail();
  const streams = [child.stdout, child.stderr].map((readable) => {
    const stream = log.stream(tail, more.noise);
    readable.on("data", (chunk: Buffer) => stream.push(chunk));
    return { stream, ended: once(readable, "close") };
  });
  const kill = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // The group is gone already.
    }
  };
  let late: NodeJS.Timeout | undefined;
  const end = () => {
    kill("SIGTERM");
    late = setTimeout(() => kill("SIGKILL"), GRACE_MS);
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    if (child.pid !== undefined) onGroup(child.pid);
    const [code, how] = (await once(child, "exit")) as [number | null, string | null];
    kill("SIGKILL");
    await Promise.race([Promise.all(streams.map((one) => one.ended)), after(DRAIN_MS)]);
    for (const { stream } of streams) stream.end();
    signal.throwIfAborted();
    if (code !== 0) throw new BuildFault(as, `${what} ${endOf(code, how)}: \`${shown}\`. ${tail.text}`, fix);
  } finally {
    onGroup(null);
    clearTimeout(late);
    signal.removeEventListener("abort", end);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

const endOf = (code: number | null, how: string | null): string => {
  if (code !== null) return `failed with exit code ${code}`;
  return how === "SIGKILL" ? "was killed, most likely out of memory" : `was ended by ${how}`;
};
