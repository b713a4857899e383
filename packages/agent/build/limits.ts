/** What a build may take of a machine. Watches; whoever it tells ends the build. */
import { realpathSync } from "node:fs";
import { lstat, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Family, Kin } from "../process/kin.ts";
import { BuildFault } from "./fault.ts";

export interface Limits {
  /** Milliseconds for the whole build. */
  timeMs: number;
  /** Bytes of all that it writes into its folders. */
  diskBytes: number;
  /** Processes at once. */
  processes: number;
}

export const DISK_BYTES = 10 * 1024 ** 3;
export const PROCESSES = 1_000;

const EVERY_MS = 1_000;
/** The folders are measured when so much less is free than at the last time: a walk through `node_modules` is not free. */
const STEP_BYTES = 512 * 1024 ** 2;
/** With less than this free, nothing on the machine works well. */
const SPARE_BYTES = 256 * 1024 ** 2;

export class Watch {
  readonly #limits: Limits;
  readonly #folders: readonly string[];
  readonly #stop = new AbortController();
  readonly #late: NodeJS.Timeout;
  #timer: NodeJS.Timeout | null = null;
  readonly #family: Family;
  readonly #kin = new Kin();
  /** Free bytes when the folders were measured last. */
  #measuredAt: number | null = null;

  /**
   * @param folders The build's alone: what it writes is there, and what works there is its. @param mark Of its environment;
   * `null`: none. @param canceled Ends the build too.
   */
  constructor(limits: Limits, folders: readonly string[], mark: string | null, canceled: AbortSignal) {
    this.#limits = limits;
    this.#folders = folders;
    this.#family = { leader: null, mark, folders: folders.map((folder) => realpathSync(folder)) };
    this.#late = setTimeout(() => this.#stop.abort(tooLong(limits.timeMs)), limits.timeMs);
    canceled.addEventListener("abort", () => this.#stop.abort(canceled.reason), { once: true });
    this.#again();
  }

  /** Aborted, with a BuildFault, by the first limit that is passed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The process group that is the build's at the moment. */
  follow(group: number | null): void {
    this.#family.leader = group;
  }

  close(): void {
    clearTimeout(this.#late);
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #again(): void {
    this.#timer = setTimeout(async () => {
      const fault = (await this.#disk()) ?? this.#processes();
      if (fault) this.#stop.abort(fault);
      else if (this.#timer) this.#again();
    }, EVERY_MS);
  }

  async #disk(): Promise<BuildFault | null> {
    const [first = "/"] = this.#folders;
    const { bavail, bsize } = await statfs(first);
    const free = bavail * bsize;
    if (free < SPARE_BYTES) return fullDisk();
    this.#measuredAt ??= free;
    const step = Math.min(STEP_BYTES, this.#limits.diskBytes / 4);
    if (this.#measuredAt - free < step) return null;
    this.#measuredAt = free;
    const sizes = await Promise.all(this.#folders.map(bytesIn));
    const bytes = sizes.reduce((sum, one) => sum + one, 0);
    return bytes > this.#limits.diskBytes ? tooBig(bytes, this.#limits.diskBytes) : null;
  }

  #processes(): BuildFault | null {
    const count = this.#kin.look([this.#family]).get(this.#family)?.length ?? 0;
    return count > this.#limits.processes ? tooMany(this.#limits.processes) : null;
  }
}

/** Bytes on the disk under a folder; what vanishes meanwhile counts nothing. */
export async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await bytesIn(path);
    else bytes += ((await lstat(path).catch(() => null))?.blocks ?? 0) * 512;
  }
  return bytes;
}

const tooLong = (ms: number): BuildFault =>
  new BuildFault(
    "build_timeout",
    `The build did not end within ${Math.round(ms / 1_000)} s.`,
    "Look in its log for what hangs or waits for input; make the build do less, or ask the operator for a longer limit.",
  );

const tooBig = (bytes: number, limit: number): BuildFault =>
  new BuildFault(
    "disk_full",
    `The build has written ${gib(bytes)} GiB; ${gib(limit)} GiB are allowed.`,
    "Write less: look for logs, caches and copies that the build makes.",
  );

const fullDisk = (): BuildFault =>
  new BuildFault(
    "disk_full",
    `Less than ${SPARE_BYTES >> 20} MiB are free on the disk where builds run.`,
    "Deploy again in a while; the operator of the region has to make room.",
    true,
  );

const tooMany = (limit: number): BuildFault =>
  new BuildFault(
    "too_many_processes",
    `The build has started more than ${limit} processes at once.`,
    "Look for a script that calls itself, or let the build use fewer workers.",
  );

const gib = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);
