/** Decides what a folder needs to become an output: nothing, a copy, or a build. Reads; runs nothing. */
import { stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { Framework } from "@vercel/frameworks";
import { type ProjectConfig, readConfig } from "./config.ts";
import {
  findFramework,
  findLockfile,
  isDirectory,
  isFile,
  isTree,
  type Lockfile,
  type PackageJson,
  readPackage,
} from "./detect.ts";
import { BuildProblem } from "./problem.ts";

export interface BuildSettings {
  rootDirectory?: string | null;
  framework?: string | null;
  buildCommand?: string | null;
  installCommand?: string | null;
  outputDirectory?: string | null;
}

export type Mode = "auto" | "static" | "prebuilt";

export type BuildPlan =
  | { kind: "prebuilt"; root: string; output: string }
  | {
      kind: "static";
      root: string;
      folder: string;
      config: ProjectConfig;
      why: string;
      /** Puts the packages in place that functions ask for; `null`: there are none, or they are there. */
      install: string | null;
    }
  | {
      kind: "build";
      root: string;
      framework: Framework | null;
      /** `null`: there is nothing to install. */
      install: string | null;
      build: string;
      /** Serves the project while it is worked on, at the port in `PORT`; `null`: nothing is known that does. */
      dev: string | null;
      /** Relative to the root; the first that the build has made is taken. */
      outputDirectories: readonly string[];
      config: ProjectConfig;
    };

/** What tools without a setting usually make. */
const USUAL = ["dist", "build", "out", "_site", "public"];
const PREBUILT = [".vercel/output", ".cloudify/output"];
export async function planBuild(folder: string, settings: BuildSettings, mode: Mode): Promise<BuildPlan> {
  const root = resolve(folder, settings.rootDirectory ?? "");
  if (!(await isDirectory(root))) {
    throw new BuildProblem(
      "no_folder",
      `There is no folder ${root}.`,
      "Check the path and the project's rootDirectory.",
    );
  }
  if (mode === "prebuilt") return prebuilt(root);
  const config = await readConfig(root);
  const given = settings.outputDirectory ?? config.outputDirectory ?? null;
  if (mode === "static")
    return { kind: "static", root, folder: join(root, given ?? ""), config, why: "as it is", install: null };
  const manifest = await readPackage(root);
  const framework = await findFramework(root, settings.framework ?? config.framework);
  const asked = settings.buildCommand ?? config.buildCommand;
  const command = asked ?? buildCommandOf(manifest, framework);
  const lockfile = await findLockfile(root);
  const published = asked ? null : publishedWhy(root, command, lockfile, framework);
  const declared = /^(npm|pnpm|yarn|bun)@/.exec(manifest?.packageManager ?? "")?.[1];
  const manager = lockfile?.manager ?? declared ?? "npm";
  const install =
    settings.installCommand ?? config.installCommand ?? (manifest ? `${manager} install` : null);
  if (command === null || published !== null) {
    // What a package calls `public` is one of its folders; of a project it is what visitors are to see.
    const isSite = manifest === null || published === null;
    const own = isSite && (await isDirectory(join(root, "public"))) ? "public" : "";
    const at = given ?? ((await isFile(join(root, "index.html"))) ? "" : own);
    const isReady = await areInstalled(root, Object.keys(manifest?.dependencies ?? {}));
    return {
      kind: "static",
      root,
      folder: join(root, at),
      config,
      why: published ?? "no build script",
      install: isReady ? null : install,
    };
  }
  const outputDirectories = given === null ? await outputsOf(root, framework) : [given];
  return {
    kind: "build",
    root,
    framework,
    install,
    build: withManager(command, manager),
    outputDirectories,
    dev: config.devCommand ?? devCommandOf(manifest, framework, manager),
    config,
  };
}

async function prebuilt(root: string): Promise<BuildPlan> {
  const name = (await isTree(root)) ? "" : await newestOf(root, PREBUILT);
  if (name === null) {
    throw new BuildProblem(
      "no_output",
      `There is no ${PREBUILT.join(" and no ")} in ${root}.`,
      "Run `cloudify build` or `vercel build` first, or leave --prebuilt out.",
    );
  }
  return { kind: "prebuilt", root, output: join(root, name) };
}

/** Of trees, the one that was written last: `cloudify build` writes its own beside that of a project's build. */
async function newestOf(root: string, names: readonly string[]): Promise<string | null> {
  const written = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(root, name, "config.json")).catch(() => null);
      return {
        name,
        at: found?.mtimeMs ?? 0,
        isThere: found !== null || (await isDirectory(join(root, name))),
      };
    }),
  );
  const [newest] = written.filter((one) => one.isThere).sort((a, b) => b.at - a.at);
  return newest?.name ?? null;
}

/**
 * A package as it was published holds what it is for; its build script needs tools that did not come with it. Outside of
 * `node_modules` only such a script, with nothing to run it, tells a package from a project.
 */
function publishedWhy(
  root: string,
  command: string | null,
  lockfile: Lockfile | null,
  framework: Framework | null,
): string | null {
  if (root.split(sep).includes("node_modules")) return "an installed package";
  const lacksTools = command !== null && lockfile === null && framework === null;
  return lacksTools ? "no lockfile and no known framework" : null;
}

/** As Node looks for them: in the folder's `node_modules`, and in those above it. */
async function areInstalled(root: string, names: readonly string[]): Promise<boolean> {
  const above = root.split(sep).map((_, i, parts) => parts.slice(0, parts.length - i).join(sep) || sep);
  for (const name of names) {
    const found = await Promise.all(above.map((folder) => isDirectory(join(folder, "node_modules", name))));
    if (!found.includes(true)) return false;
  }
  return true;
}

function buildCommandOf(manifest: PackageJson | null, framework: Framework | null): string | null {
  for (const name of ["vercel-build", "build"]) if (manifest?.scripts?.[name]) return `run ${name}`;
  return manifest && framework ? (framework.settings.buildCommand.value ?? null) : null;
}

/** The project's own script, with the flag by which its framework is told the port. */
function devCommandOf(
  manifest: PackageJson | null,
  framework: Framework | null,
  manager: string,
): string | null {
  if (!manifest?.scripts?.dev || !framework) return null;
  const [flags = ""] = / -.*\$PORT.*/.exec(framework.settings.devCommand.value ?? "") ?? [];
  return `${manager} run dev${manager === "npm" && flags !== "" ? " --" : ""}${flags}`;
}

const withManager = (command: string, manager: string): string =>
  command.startsWith("run ") ? `${manager} ${command}` : command;

async function outputsOf(root: string, framework: Framework | null): Promise<readonly string[]> {
  if (!framework) return USUAL;
  const fixed = framework.settings.outputDirectory;
  const own =
    "value" in fixed && fixed.value
      ? fixed.value
      : await framework.getOutputDirName?.(root).catch(() => null);
  if (!own) return USUAL;
  // Generators of documentation live in a folder of a project, or are all of it.
  return [own, own.replace(/^(?:docs|src)\//, "")];
}
