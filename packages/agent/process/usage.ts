/** What process groups hold. Linux; elsewhere nothing is known, and no limit but V8's own holds. */
import { readdirSync, readFileSync } from "node:fs";

/** Process group → bytes that its processes hold for themselves: what they share is not counted once for each. */
export function memoryByGroup(): Map<number, number> {
  const bytes = new Map<number, number>();
  for (const pid of processes()) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // Behind the name in brackets, which may hold anything: state, parent, group.
      const group = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3)[2]);
      const anonymous = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
      bytes.set(group, (bytes.get(group) ?? 0) + Number(anonymous?.[1] ?? 0) * 1_024);
    } catch {
      // It has ended meanwhile.
    }
  }
  return bytes;
}

function processes(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
