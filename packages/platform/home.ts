/** The home of a local platform: its lock, its keys, its credentials. */
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { StartError } from "./config.ts";

const MIN_FREE_BYTES = 100 * 1024 * 1024;

/** Makes it if it is not there; only one platform runs on it at a time. */
export function openHome(home: string): void {
  try {
    // Only where it must be: Node never comes back from a recursive mkdir under /proc.
    if (!existsSync(home)) mkdirSync(home, { recursive: !existsSync(dirname(home)), mode: 0o700 });
    writeFileSync(join(home, ".write-test"), "");
  } catch (error) {
    throw new StartError(
      `The home ${home} can't be written (${codeOf(error)}); set CLOUDIFY_HOME to a folder that can.`,
    );
  }
  if (freeBytes(home) < MIN_FREE_BYTES) {
    const free = Math.floor(freeBytes(home) / 1024 / 1024);
    throw new StartError(
      `The disk of ${home} is full (${free} MiB free); free at least 100 MiB, or set CLOUDIFY_HOME.`,
    );
  }
}

/** On the disk of the home, for whoever is not root. */
export function freeBytes(home: string): number {
  const { bavail, bsize } = statfsSync(home);
  return bavail * bsize;
}

/** Another platform runs on the home. */
export class HomeInUse extends StartError {
  readonly pid: number;

  constructor(home: string, pid: number) {
    super(`A platform runs on ${home} already (process ${pid}); stop it, or set CLOUDIFY_HOME.`);
    this.pid = pid;
  }
}

interface Lock {
  pid: number;
  /** When the process began, in the kernel's ticks: a pid alone may be another's by now. */
  began: string;
  children: { pid: number; began: string }[];
}

/** Takes the home; ends what a killed instance left running on it. */
export function lockHome(home: string): { addChild(pid: number): void; release(): void } {
  const path = join(home, "lock.json");
  const held = readJson<Lock>(path);
  if (held && isSame(held)) throw new HomeInUse(home, held.pid);
  for (const child of held?.children ?? []) {
    if (isSame(child)) process.kill(child.pid, "SIGKILL");
  }
  const lock: Lock = { pid: process.pid, began: beganAt(process.pid) ?? "", children: [] };
  const save = () => writeAtomically(path, JSON.stringify(lock));
  save();
  return {
    addChild(pid) {
      lock.children.push({ pid, began: beganAt(pid) ?? "" });
      save();
    },
    release() {
      writeAtomically(path, "null");
    },
  };
}

/** Key rings of core/seal.ts, made once; losing them loses every sealed value. */
export function loadKeys(home: string): { keyEncryptionKeys: string; edgeKeys: string } {
  const path = join(home, "keys.json");
  const held = readJson<{ keyEncryptionKeys: unknown; edgeKeys: unknown }>(path);
  const ring = () => ({ current: "k1", keys: { k1: randomBytes(32).toString("base64") } });
  const keys = held ?? { keyEncryptionKeys: ring(), edgeKeys: ring() };
  if (!held) writeAtomically(path, JSON.stringify(keys, null, 2));
  return {
    keyEncryptionKeys: JSON.stringify(keys.keyEncryptionKeys),
    edgeKeys: JSON.stringify(keys.edgeKeys),
  };
}

export interface Credentials {
  api: string;
  token: string;
  team: string;
}

export const readCredentials = (home: string): Credentials | null =>
  readJson<Credentials>(join(home, "credentials.json"));

export const writeCredentials = (home: string, credentials: Credentials): void =>
  writeAtomically(join(home, "credentials.json"), `${JSON.stringify(credentials, null, 2)}\n`);

function writeAtomically(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return null;
  }
}

function isSame({ pid, began }: { pid: number; began: string }): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const now = beganAt(pid);
  return now === null || now === began;
}

/** Linux: the processes that a process has started itself with this in their environment. Empty where there is no /proc. */
export function childrenOf(pid: number, variable: string): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const lists = tasks.map((task) => textOf(`/proc/${pid}/task/${task}/children`));
    const all = lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
    return all.filter((child) => textOf(`/proc/${child}/environ`).split("\0").includes(variable));
  } catch {
    return [];
  }
}

/** Empty of what has just ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Linux: field 22 of /proc/<pid>/stat, behind the name in brackets. `null` where there is no /proc. */
function beganAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);
