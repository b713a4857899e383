/**
 * Ends processes when this one dies, however it dies: a shell waits for the end of a pipe that closes with us. For what
 * somebody else has started, and what therefore has no such pipe of its own.
 */
import { spawn } from "node:child_process";

/** @param pids Processes, or, negative, process groups. @returns How to let go of them. */
export function tether(pids: readonly number[]): () => void {
  const script = 'cat >/dev/null; for one in "$@"; do kill -s KILL -- "$one" 2>&-; done';
  const shell = spawn("sh", ["-c", script, "tether", ...pids.map(String)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  shell.unref();
  // What it says when its pipe breaks is of no interest: it is ending.
  shell.stdin.on("error", () => undefined);
  return () => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
}
