/** What processes hold. Linux; elsewhere nothing is known, and no limit but V8's own holds. */
import { readFileSync } from "node:fs";

/** Bytes that processes hold for themselves: what they share is not counted once for each. Who has ended holds nothing. */
export const memoryOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + anonymousBytes(pid), 0);

function anonymousBytes(pid: number): number {
  try {
    const anonymous = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return Number(anonymous?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
