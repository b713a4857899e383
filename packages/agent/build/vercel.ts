/** Builds with `vercel build`, which knows every framework and makes just the output that this platform takes. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Project, Way } from "./project.ts";
import type { Command } from "./run.ts";
import type { Tool } from "./tools.ts";

/** Changed together with docs/decisions/0006: frameworks' builders come with it. `sandbox` 4.4.0 was never published. */
export const VERCEL: Tool = { package: "vercel", version: "64.0.2", overrides: { sandbox: "4.5.0" } };

/** Nothing of ours; without it `vercel build` would ask Vercel for the project. */
const NOBODY = { projectId: "prj_none", orgId: "team_none" };

/** Writes what `vercel build` would have pulled. */
export async function prepare(
  { source, settings }: Project,
  way: Way & { kind: "vercel" },
  major: number,
): Promise<void> {
  const { installCommand, buildCommand, outputDirectory, rootDirectory } = settings;
  const project = {
    ...NOBODY,
    settings: {
      framework: way.framework,
      installCommand,
      buildCommand,
      outputDirectory,
      rootDirectory,
      devCommand: null,
      nodeVersion: `${major}.x`,
    },
  };
  await rm(join(source, ".vercel"), { recursive: true, force: true });
  await mkdir(join(source, ".vercel"));
  await writeFile(join(source, ".vercel/project.json"), JSON.stringify(project));
}

/** `--standalone` puts the files of functions into their folders, so that the output holds all it needs. */
export const commandOf = (tool: string, node: string, output: string, target: string): Command["command"] => [
  node,
  join(tool, "node_modules/vercel/dist/vc.js"),
  "build",
  "--yes",
  "--standalone",
  "--output",
  output,
  "--target",
  target === "production" ? "production" : "preview",
];

/** What it says of Vercel, and of folders that are gone when somebody reads it. */
export const NOISE = /^(?:WARNING! Build not running on Vercel|Build Completed in \/)/;

/** What an output is made of; tools leave more beside it, about themselves. */
const PARTS = new Set(["config.json", "static", "functions"]);

export async function tidy(output: string): Promise<void> {
  for (const name of await readdir(output))
    if (!PARTS.has(name)) await rm(join(output, name), { recursive: true, force: true });
}
