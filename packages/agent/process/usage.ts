/** What process groups hold, and all that a program has started. Linux; elsewhere nothing is known, and no limit but V8's own holds. */
import { readdirSync, readFileSync } from "node:fs";

/** Process group → bytes that its processes hold for themselves: what they share is not counted once for each. */
export function memoryByGroup(): Map<number, number> {
  const bytes = new Map<number, number>();
  for (const one of usages()) bytes.set(one.group, (bytes.get(one.group) ?? 0) + one.bytes);
  return bytes;
}

/** The same of a program and of what it has started, also in groups of their own: a build's commands have such. */
export function memoryUnder(pid: number): number {
  const all = usages();
  const found = new Set([pid]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const one of all) if (found.has(one.parent) || found.has(one.group)) found.add(one.pid);
  }
  return all.reduce((sum, one) => sum + (found.has(one.pid) ? one.bytes : 0), 0);
}

interface Usage {
  pid: number;
  parent: number;
  group: number;
  bytes: number;
}

function usages(): Usage[] {
  return processes().flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // Behind the name in brackets, which may hold anything: state, parent, group.
      const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3);
      const anonymous = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
      const bytes = Number(anonymous?.[1] ?? 0) * 1_024;
      return [{ pid: Number(pid), parent: Number(parent), group: Number(group), bytes }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

function processes(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
