/**
 * Processes by where they work: a daemon may leave its group and drop its environment, but most keep the folder that they
 * began in. Only for folders that one child alone has.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { sep } from "node:path";

/** Ids; none where there is no /proc. */
export function processesIn(folder: string): number[] {
  const isIn = (pid: string): boolean => {
    try {
      // A folder that is gone is still named, with ` (deleted)` behind it.
      const at = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, "");
      return at === folder || at.startsWith(folder + sep);
    } catch {
      return false; // It has ended, or is another user's.
    }
  };
  try {
    const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isIn(name));
    return all.map(Number).filter((pid) => pid !== process.pid);
  } catch {
    return [];
  }
}

export function endProcessesIn(folder: string): void {
  for (const pid of processesIn(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
}
