/** What is to be built, and in which way. Reads the source; runs nothing. */
import { copyFile, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import {
  findFramework,
  findLockfile,
  isDirectory,
  isFile,
  type PackageJson,
  readPackage,
} from "@cloudify/builder/detect";
import { unusedIn } from "@cloudify/builder/unused";
import type { BuildSettings } from "@cloudify/protocol";
import { BuildFault } from "./fault.ts";
import { type Hints, installOf, type Managed, managedBy } from "./manager.ts";

export interface Project {
  /** Root of the repository. */
  source: string;
  /** Folder of the project, which a monorepo has within. */
  app: string;
  manifest: PackageJson | null;
  managed: Managed;
  /** Where the lockfile lies, or the project. */
  installIn: string;
  /** Whether pnpm's packages of several members lie there. */
  hasMembers: boolean;
  /** The project's, over those of its configuration. */
  settings: BuildSettings;
  way: Way;
  /** Of what its configuration sets and nothing uses. */
  warnings: readonly string[];
}

/**
 * `vercel`: `vercel build` knows the framework, or there is none and nothing to start: files and `api/` functions.
 * `service`: a program that is known by its `start` script alone.
 */
export type Way = { kind: "vercel"; framework: string | null } | { kind: "service" };

interface Config {
  framework?: string | null;
  installCommand?: string | null;
  buildCommand?: string | null;
  outputDirectory?: string | null;
  regions?: unknown;
}

/** The generic Node preset looks for a server among the files; a `start` script says it. */
const GENERIC = new Set(["", "node", "bun"]);

/** @throws BuildFault, or BuildProblem of packages/builder. */
export async function readProject(source: string, given: BuildSettings): Promise<Project> {
  const app = resolve(source, given.rootDirectory ?? "");
  const isInside = app === source || app.startsWith(source + sep);
  if (!isInside || !(await isDirectory(app))) {
    throw new BuildFault(
      "no_root_directory",
      `The source has no folder ${given.rootDirectory}.`,
      "Set the project's rootDirectory to a folder of the repository, and deploy from the repository.",
    );
  }
  const { name, config } = await readConfig(app);
  const settings: BuildSettings = {
    ...given,
    installCommand: given.installCommand ?? config.installCommand ?? null,
    buildCommand: given.buildCommand ?? config.buildCommand ?? null,
    outputDirectory: given.outputDirectory ?? config.outputDirectory ?? null,
  };
  const manifest = await readPackage(app);
  const framework = await findFramework(app, given.framework ?? config.framework ?? null);
  const { lockfile, folder } = await nearestLockfile(source, app);
  const declared = manifest?.packageManager ?? (await readPackage(folder))?.packageManager;
  const managed = managedBy({ declared, lockfile });
  const slug = framework?.slug ?? "";
  const way = await wayOf(app, manifest, settings, GENERIC.has(slug) ? null : slug);
  // `vercel build` goes by the lockfile alone.
  if (way.kind === "vercel" && lockfile === null && managed.manager !== "npm")
    settings.installCommand ??= installOf(managed);
  const hasMembers = await isWorkspace(folder);
  const warnings = unusedIn(name, config);
  return { source, app, manifest, managed, installIn: folder, hasMembers, settings, way, warnings };
}

async function wayOf(
  app: string,
  manifest: PackageJson | null,
  settings: BuildSettings,
  framework: string | null,
): Promise<Way> {
  const isService =
    framework === null &&
    manifest?.scripts?.start !== undefined &&
    settings.outputDirectory === null &&
    !(await isDirectory(join(app, "api")));
  return isService ? { kind: "service" } : { kind: "vercel", framework };
}

/** `vercel build` reads `vercel.json` only, so ours is given to it by that name. */
async function readConfig(app: string): Promise<{ name: string; config: Config }> {
  const [own, theirs] = ["cloudify.json", "vercel.json"].map((name) => join(app, name)) as [string, string];
  const isOwn = await isFile(own);
  if (isOwn) {
    if (await isFile(theirs)) {
      const fix = "Keep one of them; cloudify.json takes the same keys.";
      throw new BuildFault("two_configs", "There is a cloudify.json and a vercel.json.", fix);
    }
    await copyFile(own, theirs);
  }
  const text = await readFile(theirs, "utf8").catch(() => null);
  const name = isOwn ? "cloudify.json" : "vercel.json";
  if (text === null) return { name, config: {} };
  try {
    return { name, config: JSON.parse(text) as Config };
  } catch (error) {
    throw new BuildFault("invalid_config", `${name} is not JSON: ${String(error)}.`, "Correct it.");
  }
}

/**
 * The nearest, from the project's folder up to the repository's root. A shrinkwrap only where there is no other: `vercel
 * build` looks past it.
 */
async function nearestLockfile(source: string, app: string): Promise<Found> {
  let shrinkwrap: Found | null = null;
  for (let folder = app; ; folder = dirname(folder)) {
    const lockfile = await findLockfile(folder);
    if (lockfile?.name === "npm-shrinkwrap.json") {
      shrinkwrap ??= { lockfile: { ...lockfile, text: "" }, folder };
    } else if (lockfile !== null) {
      const text = lockfile.name === "bun.lockb" ? "" : await readFile(join(folder, lockfile.name), "utf8");
      return { lockfile: { ...lockfile, text }, folder };
    }
    if (folder === source) return shrinkwrap ?? { lockfile: null, folder: app };
  }
}

interface Found {
  lockfile: Hints["lockfile"];
  folder: string;
}

/** The file may hold settings alone. */
const isWorkspace = async (folder: string): Promise<boolean> =>
  /^["']?packages["']?\s*:/m.test(
    await readFile(join(folder, "pnpm-workspace.yaml"), "utf8").catch(() => ""),
  );

/** For messages: relative to the repository. */
export const shownFolder = ({ source, app }: Project): string => relative(source, app) || ".";
