/** Makes an output of a program that listens by itself: one function, which answers for every path. */
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { isFile, type PackageJson } from "@cloudify/builder/detect";
import type { Managed } from "./manager.ts";
import type { Project } from "./project.ts";

/** Name of the function. */
export const SERVICE = "__service";
const UNNEEDED = new Set([".git", ".vercel", ".turbo", ".cache", ".env", ".env.local"]);

/**
 * Leaves what only a build needs out of `node_modules`; `null`: the manager has no command for that. pnpm's, in a workspace,
 * takes all packages of all members away.
 */
export function pruneOf({ managed, hasMembers }: Pick<Project, "managed" | "hasMembers">): string | null {
  switch (managed.manager) {
    case "npm":
      return "npm prune --omit=dev --ignore-scripts";
    case "pnpm":
      return hasMembers ? null : "pnpm prune --prod --ignore-scripts";
    case "yarn":
    case "bun":
      return null;
  }
}

/** The script of `package.json`, where the project builds at all. */
export const buildScriptOf = (manifest: PackageJson | null, { manager }: Managed): string | null => {
  const name = ["vercel-build", "build"].find((one) => manifest?.scripts?.[one] !== undefined);
  return name === undefined ? null : `${manager} run ${name}`;
};

/** @returns Says whether a package that is installed for the project brings a program; npm looks in every folder above. */
export const programsFrom =
  (source: string, app: string) =>
  async (program: string): Promise<boolean> => {
    for (let folder = app; ; folder = dirname(folder)) {
      if (await isFile(join(folder, "node_modules/.bin", program))) return true;
      if (folder === source) return false;
    }
  };

/**
 * @param source Root of the repository, all of which the program may need. @param app Where its scripts are.
 * @param script The one that starts it.
 */
export async function emitService(
  source: string,
  app: string,
  output: string,
  major: number,
  script: string,
): Promise<void> {
  const folder = join(output, "functions", `${SERVICE}.func`);
  await rm(output, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await mkdir(join(output, "static"));
  await cp(source, folder, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !UNNEEDED.has(relative(source, path).split("/").at(-1) ?? ""),
  });
  const within = relative(source, app);
  const start = `npm run ${script} --silent`;
  const command = within === "" ? start : `cd ${quoted(within)} && ${start}`;
  const about = { runtime: `nodejs${major}.x`, launcherType: "Service", command };
  await writeFile(join(folder, ".vc-config.json"), JSON.stringify(about));
  const routes = [{ handle: "filesystem" }, { src: "^/.*$", dest: `/${SERVICE}` }];
  await writeFile(join(output, "config.json"), JSON.stringify({ version: 3, routes }));
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
