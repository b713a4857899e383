/** The workerd processes of a platform that this process has started, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface Workerd {
  pid: number;
  /** The one with the platform's own Workers; the others are the bundler, and what runs functions. */
  isPlatform: boolean;
}

export function workerds(): Workerd[] {
  const parents = new Map<number, number>();
  const names = new Map<number, string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const status = read(`/proc/${pid}/status`);
    parents.set(Number(pid), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    names.set(Number(pid), /^Name:\s+(.*)/m.exec(status)?.[1] ?? "");
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  return [...names]
    .filter(([pid, name]) => name === "workerd" && isOurs(pid))
    .map(([pid]) => ({ pid, isPlatform: !read(`/proc/${pid}/cmdline`).includes("config.capnp") }));
}

/** Of all of them together; memory in bytes. */
export function usage(): { memory: number; files: number } {
  let memory = 0;
  let files = 0;
  for (const { pid } of workerds()) {
    memory += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1_024;
    try {
      files += readdirSync(`/proc/${pid}/fd`).length;
    } catch {
      // It has ended since it was listed.
    }
  }
  return { memory, files };
}

/** @returns Nothing of a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
