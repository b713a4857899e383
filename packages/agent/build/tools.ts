/**
 * Programs that builds need and that do not come with the agent: installed once from npm, in a folder of their own each,
 * and shared by all builds of the region.
 */
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";

export interface Tool {
  /** Name on npm. */
  package: string;
  /** Exact, or a range whose newest is meant to be taken. */
  version: string;
  /** See npm's `overrides`. */
  overrides?: Record<string, string>;
}

/** Runs npm's install in a folder. */
export type Install = (folder: string, what: string) => Promise<void>;

/** How a tool is installed, for a shell. */
export const INSTALL = "npm install --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error";

const DRAFT = ".draft-";
const LOOK_EVERY_MS = 200;
/** Longer than an installation takes: whoever holds a lock for longer is another program with a number that was free. */
const MAX_LOCK_MS = 10 * 60_000;

/**
 * One of all that need it installs it, in whatever process they are; the others wait for it.
 *
 * @param tools Folder of all tools. @returns The folder that holds the tool's `node_modules`. @throws As `install` does, or
 * the signal's reason.
 */
export async function ensureTool(
  tools: string,
  tool: Tool,
  install: Install,
  signal?: AbortSignal,
): Promise<string> {
  const name = `${tool.package.replaceAll("/", "+")}@${tool.version}`;
  const folder = join(tools, name);
  const lock = lockOf(tools, name);
  await mkdir(tools, { recursive: true });
  while (!(await isThere(folder))) {
    signal?.throwIfAborted();
    if (await take(lock)) {
      try {
        if (!(await isThere(folder))) await make(tools, folder, name, tool, install);
      } finally {
        await rm(lock, { force: true });
      }
    } else await after(LOOK_EVERY_MS, undefined, { signal });
  }
  return folder;
}

async function make(
  tools: string,
  folder: string,
  name: string,
  tool: Tool,
  install: Install,
): Promise<void> {
  const draft = await mkdtemp(join(tools, `${DRAFT}${name}-`));
  try {
    const manifest = {
      private: true,
      dependencies: { [tool.package]: tool.version },
      ...(tool.overrides ? { overrides: tool.overrides } : {}),
    };
    await writeFile(join(draft, "package.json"), JSON.stringify(manifest));
    await install(draft, name);
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Removes what installations have left that were cut off; one that is under way holds its lock. */
export async function sweepDrafts(tools: string): Promise<void> {
  for (const draft of await readdir(tools).catch(() => [])) {
    // Behind the tool's name stands what makes the draft's own.
    const name = /^\.draft-(.+)-[^-]*$/.exec(draft)?.[1];
    if (name === undefined || (await isHeld(lockOf(tools, name)))) continue;
    await rm(join(tools, draft), { recursive: true, force: true, maxRetries: 5 });
  }
}

const lockOf = (tools: string, name: string): string => join(tools, `.lock-${name}`);

/** A lock whose holder has ended is nobody's. @throws When the disk takes no lock. */
async function take(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (!(await isHeld(lock))) await rm(lock, { force: true });
  return false;
}

async function isHeld(lock: string): Promise<boolean> {
  const since = await stat(lock).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (Date.now() - since > MAX_LOCK_MS) return false;
  const holder = await readFile(lock, "utf8").then(Number, () => 0);
  // Without a number it is being written at this moment, or was cut off then.
  return holder === 0 || isAlive(holder);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const isThere = async (folder: string): Promise<boolean> => (await stat(folder).catch(() => null)) !== null;
