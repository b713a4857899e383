/** Whose socket takes the connections to a port of loopback. Linux; elsewhere nothing is known of it. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export type LoopbackHost = "127.0.0.1" | "::1";

export interface Tables {
  /** Text of /proc/net/tcp and tcp6. */
  v4: string;
  v6: string;
}

/** As the kernel prints an address: words of four bytes in the machine's own order. */
const printed = (bytes: readonly number[]): string =>
  [...new Uint32Array(new Uint8Array(bytes).buffer)]
    .map((word) => word.toString(16).padStart(8, "0").toUpperCase())
    .join("");

const zeros = (count: number): number[] => Array<number>(count).fill(0);
const LOOPBACK = [127, 0, 0, 1];

/** Where a connection to a host ends: at the first of these that somebody listens at. */
const TAKERS: Record<LoopbackHost, readonly (readonly [keyof Tables, string])[]> = {
  "127.0.0.1": [
    ["v4", printed(LOOPBACK)],
    ["v6", printed([...zeros(10), 255, 255, ...LOOPBACK])],
    ["v4", printed(zeros(4))],
    ["v6", printed(zeros(16))],
  ],
  "::1": [
    ["v6", printed([...zeros(15), 1])],
    ["v6", printed(zeros(16))],
  ],
};

const LISTENS = "0A";

/** @returns Inodes of the sockets that share what comes to this port of this host; none when nobody listens. */
export function takersOf(tables: Tables, host: LoopbackHost, port: number): string[] {
  const hex = port.toString(16).padStart(4, "0").toUpperCase();
  for (const [table, address] of TAKERS[host]) {
    const inodes = tables[table].split("\n").flatMap((line) => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      return local === `${address}:${hex}` && state === LISTENS && inode !== undefined ? [inode] : [];
    });
    if (inodes.length > 0) return inodes;
  }
  return [];
}

/**
 * Whether all that comes to this port goes to these processes.
 *
 * @returns `null` when that can't be told: not Linux, or a process whose descriptors may not be read.
 */
export function isTakenBy(pids: () => readonly number[], host: LoopbackHost, port: number): boolean | null {
  const tables = readTables();
  if (tables === null) return null;
  const takers = takersOf(tables, host, port);
  const held = new Set<string>();
  let isHidden = false;
  for (const pid of pids()) {
    const sockets = socketsOf(pid);
    if (sockets === "hidden") isHidden = true;
    else for (const inode of sockets) held.add(inode);
  }
  if (takers.length > 0 && takers.every((inode) => held.has(inode))) return true;
  return isHidden ? null : false;
}

function readTables(): Tables | null {
  try {
    const v4 = readFileSync("/proc/net/tcp", "latin1");
    try {
      return { v4, v6: readFileSync("/proc/net/tcp6", "latin1") };
    } catch {
      return { v4, v6: "" }; // A kernel without IPv6.
    }
  } catch {
    return null;
  }
}

function socketsOf(pid: number): string[] | "hidden" {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
      } catch {
        return []; // Closed meanwhile.
      }
    });
  } catch (error) {
    // A program with rights of its own, as by `setcap`, shows nothing to us; one that has ended has nothing.
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "hidden" : [];
  }
}
