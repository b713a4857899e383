/** Tells when something in a folder has changed: at once, and of all of it once the changes have paused for a moment. */
import { dirname, relative, sep } from "node:path";
import { watch as chokidar } from "chokidar";

/**
 * A save is often several writes. More than the 50 ms for which chokidar keeps further changes of one file to itself:
 * whatever it has kept is on the disk by then.
 */
const PAUSE_MS = 60;
/** What writes without a pause, as a log does, is told of all the same. */
const LONGEST_MS = 500;
const NEVER = new Set(
  ".git .hg .svn node_modules .cloudify .vercel .next .nuxt .output .svelte-kit .astro .cache .turbo .DS_Store".split(
    " ",
  ),
);

export interface Watching {
  stop(): Promise<void>;
}

export interface WatchEvents {
  /** Whether a build has written it. */
  isMade(path: string): boolean;
  /** Called at once. */
  onSeen(path: string): void;
  /** Given the absolute paths of all that were seen since the last time. */
  onChanged(paths: ReadonlySet<string>): void;
  /** Something can't be watched; all else is. Called once: a system without room for more watches says so of each. */
  onError(error: unknown): void;
}

/** @param folders Absolute. Watched, with all that is in them, from when they are there; one may lie in another. */
export async function watchFolders(
  folders: readonly string[],
  { isMade, onSeen, onChanged, onError }: WatchEvents,
): Promise<Watching> {
  const isWatched = (path: string): boolean => {
    const holders = folders.filter((folder) => isWithin(folder, path));
    const [nearest = dirname(path)] = holders.sort((a, b) => b.length - a.length);
    return !relative(nearest, path)
      .split(sep)
      .some((name) => NEVER.has(name));
  };
  // What lies on the way to a folder is looked through for it, and tells nothing itself.
  const isIgnored = (path: string): boolean =>
    !isWatched(path) && !folders.some((folder) => isWithin(path, folder));
  const outer = folders.filter(
    (folder) => !folders.some((other) => other !== folder && isWithin(other, folder)),
  );
  const watcher = chokidar(outer, {
    ignoreInitial: true,
    ignored: isIgnored,
    followSymlinks: true,
    // A database's own folder in a project is nothing that is served.
    ignorePermissionErrors: true,
  });
  watcher.once("error", onError).on("error", () => undefined);
  let waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let latest = 0;
  watcher.on("all", (_, path) => {
    if (!isWatched(path) || isMade(path)) return;
    const now = performance.now();
    if (waiting.size === 0) latest = now + LONGEST_MS;
    waiting.add(path);
    onSeen(path);
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        const paths = waiting;
        waiting = new Set();
        onChanged(paths);
      },
      Math.min(PAUSE_MS, Math.max(0, latest - now)),
    );
  });
  await new Promise<void>((resolve) => watcher.once("ready", resolve));
  return {
    async stop() {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}

const isWithin = (folder: string, path: string): boolean => path === folder || path.startsWith(folder + sep);
