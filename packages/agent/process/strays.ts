/**
 * Processes by what is so of them, as where they work: a daemon may leave its group and drop its environment, but most keep
 * the folder that they began in. That is for folders only that one child alone has.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { sep } from "node:path";

/** Ids of all processes of which something is so; none where there is no /proc. @param is May throw: then it is not. */
export function processesThat(is: (pid: string) => boolean): number[] {
  const isSo = (pid: string): boolean => {
    try {
      return is(pid);
    } catch {
      return false; // It has ended, or is another user's.
    }
  };
  try {
    const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return all.filter(isSo).map(Number);
  } catch {
    return [];
  }
}

/** The folder that a process works in. @throws When it has ended, or is another user's. */
export const workplaceOf = (pid: number | string): string =>
  // A folder that is gone is still named, with ` (deleted)` behind it.
  readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, "");

export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder + sep);

/** Never the one that asks. */
export function processesIn(folder: string): number[] {
  const found = processesThat((pid) => isWithin(workplaceOf(pid), folder));
  return found.filter((pid) => pid !== process.pid);
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
