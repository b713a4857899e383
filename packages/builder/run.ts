/** Runs a build's commands in a process group of their own, so that a cancel leaves nothing running. */
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { BuildProblem } from "./problem.ts";

export interface LogLine {
  stream: "stdout" | "stderr" | "system";
  text: string;
}

/** Between the request to end and the end without a request, in milliseconds. */
const GRACE_MS = 3_000;

export interface RunOptions {
  cwd: string;
  env: Record<string, string>;
  onLog(line: LogLine): void;
  signal: AbortSignal;
}

/** @throws BuildProblem when it fails or is canceled. */
export async function runCommand(
  command: string,
  what: string,
  { cwd, env, onLog, signal }: RunOptions,
): Promise<void> {
  signal.throwIfAborted();
  onLog({ stream: "system", text: `$ ${command}` });
  const PATH = [join(cwd, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);
  const child = spawn(command, {
    cwd,
    shell: true,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env, PATH, CI: "1", FORCE_COLOR: "0" },
  });
  const kill = (how: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // The group is gone already.
    }
  };
  let late: NodeJS.Timeout | undefined;
  const cancel = () => {
    kill("SIGTERM");
    late = setTimeout(() => kill("SIGKILL"), GRACE_MS);
  };
  signal.addEventListener("abort", cancel, { once: true });
  createInterface({ input: child.stdout }).on("line", (text) => onLog({ stream: "stdout", text }));
  createInterface({ input: child.stderr }).on("line", (text) => onLog({ stream: "stderr", text }));
  const [code, how] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once("error", reject).once("close", (...end) => resolve(end));
  });
  signal.removeEventListener("abort", cancel);
  clearTimeout(late);
  kill("SIGKILL");
  if (signal.aborted) throw new BuildProblem("canceled", `${what} was canceled.`, "Run it again.");
  if (code === 0) return;
  const end = code === null ? `ended by ${how}` : `failed with exit code ${code}`;
  throw new BuildProblem(
    "build_failed",
    `${what} ${end}: ${command}`,
    "See its output above; it fails here as it would in a shell.",
  );
}
