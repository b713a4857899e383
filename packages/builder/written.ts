/**
 * What a project's own commands leave in the folders that they may write to. What is there as they left it is their
 * doing, and no reason to run them again; what lies beside it, written by hand, is.
 */
import { lstatSync, type Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join, sep } from "node:path";

const GONE = "gone";
const FOLDER = "folder";
/** Nothing that a build writes to be served, and large. */
const NEVER = ["node_modules", ".git"];

/** Absolute path → what tells one state of it from another. */
type Stamps = Map<string, string>;

export class Written {
  #folders: readonly string[] = [];
  #left: Stamps = new Map();
  /** Changed while the commands ran, and perhaps not by them. */
  #doubted = new Set<string>();
  /** What the commands have been seen to write: paths, and the folders that they lie in. */
  readonly #known = new Set<string>();
  #hasEndedWell = false;

  /** Whether a path is as the commands left it the last time that they ran. */
  has(path: string): boolean {
    if (this.#doubted.has(path) || folderOf(this.#folders, path) === undefined) return false;
    return stampOf(path) === (this.#left.get(path) ?? GONE);
  }

  /** Whether the commands were ever seen to write to one of the folders. */
  hasFilled(folder: string): boolean {
    return this.#known.has(folder);
  }

  forget(): void {
    this.#folders = [];
  }

  /** @param folders Absolute: those that the commands may write to. @param run Runs them. */
  async watch<T>(folders: readonly string[], run: () => Promise<T>): Promise<T> {
    const before = await stampsOf(folders);
    let isWell = false;
    try {
      const made = await run();
      isWell = true;
      return made;
    } finally {
      this.#learn(folders, before, await stampsOf(folders));
      this.#hasEndedWell ||= isWell;
    }
  }

  /**
   * Somebody may save while the commands run. Until they have ended well once, what changes is theirs; later on, a file
   * that they were not seen to write is doubted, once: the next run sees it as it is, and one that writes it each time
   * does not run for ever.
   */
  #learn(folders: readonly string[], before: Stamps, after: Stamps): void {
    this.#folders = folders;
    this.#left = after;
    this.#doubted = new Set();
    for (const path of new Set([...before.keys(), ...after.keys()])) {
      const [old = GONE, young = GONE] = [before.get(path), after.get(path)];
      if (old === young || old === FOLDER || young === FOLDER) continue;
      const folder = folderOf(folders, path) ?? path;
      // Names with a hash are others each time.
      const isKnown = this.#known.has(old === GONE ? folder : path);
      if (this.#hasEndedWell && !isKnown) this.#doubted.add(path);
      this.#known.add(path).add(folder);
    }
  }
}

/** The nearest: one may lie in another. */
const folderOf = (folders: readonly string[], path: string): string | undefined =>
  folders
    .filter((folder) => path === folder || path.startsWith(folder + sep))
    .sort((a, b) => b.length - a.length)[0];

async function stampsOf(folders: readonly string[]): Promise<Stamps> {
  const found: Stamps = new Map();
  for (const folder of new Set(folders)) await walk(folder, found);
  return found;
}

async function walk(folder: string, found: Stamps): Promise<void> {
  const names = await readdir(folder).catch(() => null);
  if (names === null) return;
  found.set(folder, FOLDER);
  for (const name of names) {
    const path = join(folder, name);
    const stats = NEVER.includes(name) ? null : await lstat(path).catch(() => null);
    if (stats?.isDirectory()) await walk(path, found);
    else if (stats) found.set(path, shown(stats));
  }
}

/** At once, since a change is told of at once. */
function stampOf(path: string): string {
  try {
    return shown(lstatSync(path));
  } catch {
    return GONE;
  }
}

/** Not the time of modification alone, which a copy may take from its source. */
const shown = (stats: Stats): string =>
  stats.isDirectory() ? FOLDER : `${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
