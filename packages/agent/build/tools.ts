/**
 * Programs that builds need and that do not come with the agent: installed once from npm, in a folder of their own each,
 * and shared by all builds of the region.
 */
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

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

/** @param tools Folder of all tools. @returns The folder that holds the tool's `node_modules`. @throws As `install` does. */
export async function ensureTool(tools: string, tool: Tool, install: Install): Promise<string> {
  const name = `${tool.package.replaceAll("/", "+")}@${tool.version}`;
  const folder = join(tools, name);
  if (await isThere(folder)) return folder;
  await mkdir(tools, { recursive: true });
  const draft = await mkdtemp(join(tools, ".draft-"));
  try {
    const manifest = {
      private: true,
      dependencies: { [tool.package]: tool.version },
      ...(tool.overrides ? { overrides: tool.overrides } : {}),
    };
    await writeFile(join(draft, "package.json"), JSON.stringify(manifest));
    await install(draft, name);
    await rename(draft, folder).catch(async (error: unknown) => {
      // Another build was quicker; what it made is the same.
      if (!(await isThere(folder))) throw error;
    });
    return folder;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const isThere = async (folder: string): Promise<boolean> => (await stat(folder).catch(() => null)) !== null;
