/** What a folder says of itself: its framework, its package manager, its scripts. Reads; decides and runs nothing. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Framework, frameworkList } from "@vercel/frameworks";
import { detectFramework } from "@vercel/fs-detectors/dist/detect-framework.js";
import { LocalFileSystemDetector } from "@vercel/fs-detectors/dist/detectors/local-file-system-detector.js";
import { BuildProblem } from "./problem.ts";

export type Manager = "npm" | "pnpm" | "yarn" | "bun";

export interface Lockfile {
  name: string;
  manager: Manager;
}

/** The first that is there says who installs, as `vercel build` has it, which would start another manager otherwise. */
const LOCKFILES: readonly Lockfile[] = [
  { name: "yarn.lock", manager: "yarn" },
  { name: "pnpm-lock.yaml", manager: "pnpm" },
  { name: "package-lock.json", manager: "npm" },
  { name: "bun.lock", manager: "bun" },
  { name: "bun.lockb", manager: "bun" },
  // Unknown to `vercel build`, which takes npm where there is no lockfile.
  { name: "npm-shrinkwrap.json", manager: "npm" },
];

/** The lockfile of a folder by which it is installed, or `null`. One that another platform wrote does not stop a build. */
export async function findLockfile(folder: string): Promise<Lockfile | null> {
  const isThere = await Promise.all(LOCKFILES.map(({ name }) => isFile(join(folder, name))));
  const there = LOCKFILES.filter((_, i) => isThere[i]);
  const [first = null] = there;
  // Bun writes a yarn.lock beside its own, for tools that read only that.
  return (first?.manager === "yarn" && there.find(({ manager }) => manager === "bun")) || first;
}

/** What of a package.json says how it is built. */
export interface PackageJson {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  packageManager?: string;
  engines?: Record<string, string>;
}

/** @throws BuildProblem when it is not JSON. */
export async function readPackage(root: string): Promise<PackageJson | null> {
  const text = await readFile(join(root, "package.json"), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as PackageJson;
  } catch (error) {
    throw new BuildProblem("invalid_package", `package.json is not JSON: ${String(error)}.`, "Correct it.");
  }
}

/** @param slug Given by somebody; `null` to look for it. @throws BuildProblem when nobody knows it. */
export async function findFramework(root: string, slug: string | null): Promise<Framework | null> {
  if (slug !== null) {
    const named = frameworkList.find((one) => one.slug === slug);
    if (named) return named;
    throw new BuildProblem(
      "unknown_framework",
      `There is no framework ${slug}.`,
      "Leave it out to have it detected.",
    );
  }
  const found = await detectFramework({ fs: new LocalFileSystemDetector(root), frameworkList });
  return frameworkList.find((one) => one.slug === found && found !== null) ?? null;
}

/**
 * Whether it is a Build Output tree. Other tools have a `config.json` and `functions/`, too: without `static/` it has to say
 * its version, or be broken, which is said where it is compiled.
 */
export async function isTree(folder: string): Promise<boolean> {
  const config = await readFile(join(folder, "config.json"), "utf8").catch(() => null);
  if (config === null) return false;
  if (await isDirectory(join(folder, "static"))) return true;
  const hasFunctions = await isDirectory(join(folder, "functions"));
  try {
    const { version, routes } = JSON.parse(config) as { version?: unknown; routes?: unknown };
    return version === 3 && (hasFunctions || Array.isArray(routes));
  } catch {
    return hasFunctions;
  }
}

const kindOf = async (path: string) => stat(path).catch(() => null);
export const isDirectory = async (path: string): Promise<boolean> =>
  (await kindOf(path))?.isDirectory() ?? false;
export const isFile = async (path: string): Promise<boolean> => (await kindOf(path))?.isFile() ?? false;

/** The first of the names that is there, or `null`. */
export async function firstThere(root: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) if (await kindOf(join(root, name))) return name;
  return null;
}
