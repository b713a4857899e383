/**
 * Who belongs to what this process has started: by descent, group or session, by the mark in its environment, by the folder
 * that it works in, and by having belonged before, wherever it has gone since. Linux; elsewhere nobody is known. Who drops all
 * of that between two looks is not found.
 */
import { readFileSync } from "node:fs";
import { MARK } from "./contract.ts";
import { isWithin, processesThat, workplaceOf } from "./strays.ts";

export interface Family {
  /** Its first process, also of its group and session; `null` while there is none. */
  leader: number | null;
  /** What {@link MARK} is for it; `null`: nothing. */
  mark: string | null;
  /** Real paths of folders that are its alone. */
  folders: readonly string[];
}

/** A process of which it was read in the middle of its `exec` shows nothing: it is read a second time, and then no more. */
const READS = 2;

interface Known {
  /** Since the machine's start: another process of the same id has another. */
  startedAt: string;
  reads: number;
  mark: string | null;
  workplace: string | null;
  family: Family | null;
}

interface Stat {
  pid: number;
  isDead: boolean;
  /** Ids of its parent, its group and its session. */
  above: readonly number[];
  startedAt: string;
}

/** Remembers what it has read: a look costs one small file for each process of the machine, and more only for new ones. */
export class Kin {
  #known = new Map<number, Known>();

  /** @returns Ids of each family's processes. A family is known by its object. */
  look(families: readonly Family[]): Map<Family, number[]> {
    const stats = readStats();
    const known = new Map<number, Known>();
    for (const { pid, startedAt } of stats) {
      const held = this.#known.get(pid);
      const fresh = { startedAt, reads: 0, mark: null, workplace: null, family: null };
      known.set(pid, held?.startedAt === startedAt ? held : fresh);
    }
    this.#known = known;
    // Whoever looks into a build's folder in the terminal that the agent was started from is not of the build.
    const own = lineOf(stats);
    for (const family of families) {
      const leader = family.leader === null ? undefined : known.get(family.leader);
      if (leader) leader.family = family;
    }
    spread(stats, known, own);
    for (const [pid, one] of known) {
      if (one.family !== null || own.has(pid)) continue;
      if (one.reads < READS) Object.assign(one, { reads: one.reads + 1, ...tracesOf(pid) });
      one.family = families.find((family) => isOf(one, family)) ?? null;
    }
    spread(stats, known, own);
    return membersOf(families, stats, known);
  }
}

/** To all that is below, or in the group or session, of one that belongs. */
function spread(
  stats: readonly Stat[],
  known: ReadonlyMap<number, Known>,
  except: ReadonlySet<number>,
): void {
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false;
    for (const { pid, above } of stats) {
      const one = known.get(pid);
      if (!one || one.family !== null || except.has(pid)) continue;
      for (const id of above) one.family ??= known.get(id)?.family ?? null;
      hasChanged ||= one.family !== null;
    }
  }
}

/** This process, and all above it. */
function lineOf(stats: readonly Stat[]): Set<number> {
  const parents = new Map(stats.map(({ pid, above: [parent = 0] }) => [pid, parent]));
  const line = new Set<number>();
  for (let pid: number | undefined = process.pid; pid && !line.has(pid); pid = parents.get(pid))
    line.add(pid);
  return line;
}

function membersOf(
  families: readonly Family[],
  stats: readonly Stat[],
  known: ReadonlyMap<number, Known>,
): Map<Family, number[]> {
  const members = new Map(families.map((family) => [family, [] as number[]]));
  for (const { pid, isDead, above } of stats) {
    const family = known.get(pid)?.family;
    const [parent = 0] = above;
    // A dead one that waits for the machine's init is nothing that the family could do anything about.
    if (!family || (isDead && known.get(parent)?.family !== family)) continue;
    members.get(family)?.push(pid);
  }
  return members;
}

const isOf = ({ mark, workplace }: Known, family: Family): boolean =>
  (mark !== null && mark === family.mark) ||
  (workplace !== null && family.folders.some((folder) => isWithin(workplace, folder)));

function tracesOf(pid: number): Pick<Known, "mark" | "workplace"> {
  const read = (what: () => string | null): string | null => {
    try {
      return what();
    } catch {
      return null; // It has ended, or is another user's.
    }
  };
  return { mark: read(() => markOf(pid)), workplace: read(() => workplaceOf(pid)) };
}

function markOf(pid: number): string | null {
  const environment = `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`;
  const at = environment.indexOf(`\0${MARK}=`);
  if (at < 0) return null;
  const from = at + MARK.length + 2;
  const end = environment.indexOf("\0", from);
  return environment.slice(from, end < 0 ? undefined : end);
}

function readStats(): Stat[] {
  const stats: Stat[] = [];
  processesThat((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Behind the name in brackets, which may hold anything: state, parent, group, session, and 15 more before the start.
    const [state = "", ...numbers] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 20);
    const above = numbers.slice(0, 3).map(Number);
    return (
      stats.push({ pid: Number(pid), isDead: /[ZX]/.test(state), above, startedAt: numbers[18] ?? "" }) > 0
    );
  });
  return stats;
}
