/** Tells when something in a folder has changed, once the changes have paused for a moment. */
import { dirname, relative, sep } from "node:path";
import { watch as chokidar } from "chokidar";

/**
 * A save is often several writes. More than the 50 ms for which chokidar keeps further changes of one file to itself:
 * whatever it has kept is on the disk by then.
 */
const PAUSE_MS = 60;
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
  /** Called at once for the first change of several. */
  onFirst(): void;
  /** Given the absolute paths of all. */
  onChanged(paths: ReadonlySet<string>): void;
}

/** @param folders Absolute. Watched, with all that is in them, from when they are there; one may lie in another. */
export async function watchFolders(
  folders: readonly string[],
  { isMade, onFirst, onChanged }: WatchEvents,
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
  const watcher = chokidar(outer, { ignoreInitial: true, ignored: isIgnored, followSymlinks: true });
  let waiting = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  watcher.on("all", (_, path) => {
    if (!isWatched(path) || isMade(path)) return;
    if (waiting.size === 0) onFirst();
    waiting.add(path);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const paths = waiting;
      waiting = new Set();
      onChanged(paths);
    }, PAUSE_MS);
  });
  await new Promise<void>((resolve, reject) => {
    watcher.once("ready", resolve).once("error", reject);
  });
  return {
    async stop() {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}

const isWithin = (folder: string, path: string): boolean => path === folder || path.startsWith(folder + sep);
