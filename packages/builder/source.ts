/** Whether a project is built elsewhere, and what of the machine goes there. Reads; runs nothing. */
import { readFile, realpath } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import ignore from "ignore";
import { findFramework, findLockfile, isDirectory, isFile, type PackageJson, readPackage } from "./detect.ts";
import { readStaticConfig } from "./functions/config.ts";
import { discover } from "./functions/discover.ts";
import { gitRootOf } from "./git.ts";
import type { BuildSettings } from "./plan.ts";
import { BuildProblem } from "./problem.ts";

export interface Repository {
  /** What is sent. */
  root: string;
  /** Where in it the project is; `null`: it is all of it. */
  rootDirectory: string | null;
}

/**
 * A plain folder is served as it is; what has to be built, or has functions for Node.js, is built by an agent. An
 * installed package holds what it is for, and its build's tools did not come with it.
 *
 * @param root The project's own folder.
 */
export async function needsAgent(root: string, settings: BuildSettings): Promise<boolean> {
  if (root.split(sep).includes("node_modules")) return false;
  const config = await readLoosely(root);
  if (settings.buildCommand ?? config.buildCommand) return true;
  const manifest = await readPackage(root);
  const framework = await findFramework(root, settings.framework ?? config.framework ?? null);
  if (framework?.useRuntime || manifest?.scripts?.start) return true;
  const builds =
    manifest?.scripts?.["vercel-build"] ?? manifest?.scripts?.build ?? framework?.settings.buildCommand.value;
  if (manifest && builds && (framework !== null || (await findLockfile(root)) !== null)) return true;
  return hasNodeFunctions(root);
}

/** `cloudify.json` or `vercel.json`; what is wrong with it is said by who builds. */
async function readLoosely(root: string): Promise<BuildSettings> {
  for (const name of ["cloudify.json", "vercel.json"]) {
    const text = await readFile(join(root, name), "utf8").catch(() => null);
    if (text === null) continue;
    try {
      return JSON.parse(text) as BuildSettings;
    } catch {
      return {};
    }
  }
  return {};
}

async function hasNodeFunctions(root: string): Promise<boolean> {
  for (const { file, kind } of await discover(root)) {
    if (kind === "middleware") continue;
    const { runtime } = await readStaticConfig(join(root, file), file);
    if (runtime !== "edge" && runtime !== "experimental-edge") return true;
  }
  return false;
}

/**
 * Finds the repository of a folder: the project's `rootDirectory` says which part of it the project is; without, the
 * nearest folder above that has the folder among its workspaces, or, inside of one git repository, its only lockfile.
 * One that has workspaces and names others has nothing to do with it.
 *
 * @throws BuildProblem when the setting names a folder that is not there.
 */
export async function findRepository(folder: string, rootDirectory: string | null): Promise<Repository> {
  const here = await realpath(folder);
  if (rootDirectory !== null && rootDirectory !== "" && rootDirectory !== ".") {
    if (await isDirectory(resolve(here, rootDirectory))) return { root: here, rootDirectory };
    const end = sep + rootDirectory.replace(/^\.\//, "").replace(/\/$/, "").split("/").join(sep);
    if (here.endsWith(end)) return { root: here.slice(0, -end.length) || sep, rootDirectory };
    throw new BuildProblem(
      "no_folder",
      `${here} neither has a folder ${rootDirectory}, nor is it one.`,
      "Deploy from the repository's root, or correct the project's rootDirectory.",
    );
  }
  const git = await gitRootOf(here);
  const hasLockfile = (await findLockfile(here)) !== null;
  const hasManifest = await isFile(join(here, "package.json"));
  for (let above = dirname(here); above !== dirname(above); above = dirname(above)) {
    const isInside = git !== null && (above === git || above.startsWith(git + sep));
    const workspaces = await workspacesOf(above);
    const isRoot =
      workspaces.length > 0
        ? isAmong(workspaces, relative(above, here))
        : isInside && !hasLockfile && hasManifest && (await findLockfile(above)) !== null;
    if (isRoot) return { root: above, rootDirectory: relative(above, here).split(sep).join("/") };
    if (above === git) break;
  }
  return { root: here, rootDirectory: null };
}

function isAmong(patterns: readonly string[], folder: string): boolean {
  const rules = ignore({ ignorecase: false }).add(patterns.map(rooted));
  return rules.ignores(`${folder.split(sep).join("/")}/`);
}

/** A workspace's pattern as a rule of git's, which means the same by it from its own folder on. */
const rooted = (pattern: string): string => {
  const [, not = "", path = ""] = /^(!?)(?:\.\/)?\/?(.*?)\/?$/.exec(pattern) ?? [];
  return `${not}/${path}`;
};

async function workspacesOf(folder: string): Promise<string[]> {
  const yaml = await readFile(join(folder, "pnpm-workspace.yaml"), "utf8").catch(() => null);
  if (yaml !== null) return packagesOf(yaml);
  const manifest = (await readPackage(folder).catch(() => null)) as
    | (PackageJson & { workspaces?: unknown })
    | null;
  const given = manifest?.workspaces;
  const list = Array.isArray(given) ? given : (given as { packages?: unknown } | undefined)?.packages;
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}

/** `packages:` of pnpm's file: a list of texts, in a block or in brackets. */
function packagesOf(yaml: string): string[] {
  const inline = /^packages:\s*\[([^\]]*)\]/m.exec(yaml)?.[1];
  const block = /^packages:[^\n]*\n((?:[ \t]*(?:-[^\n]*|#[^\n]*)?\n?)*)/m.exec(yaml)?.[1] ?? "";
  const items =
    inline?.split(",") ?? [...block.matchAll(/^[ \t]*-[ \t]*([^\n#]+)/gm)].map(([, item = ""]) => item);
  return items.map((item) => item.trim().replace(/^(["'])(.*)\1$/, "$2")).filter((item) => item !== "");
}
