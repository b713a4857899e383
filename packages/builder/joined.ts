/**
 * A Build Output tree that a project's build made itself, as adapters of SvelteKit, Astro and Nitro do, with what the
 * project says besides: routes of its configuration, functions in `api/`, a middleware. `vercel build` joins them alike.
 */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Route } from "@vercel/routing-utils";
import { isDirectory, isFile } from "./detect.ts";
import { replaceTree } from "./draft.ts";
import { discover, type FunctionSource } from "./functions/discover.ts";
import { type MadeFunction, writeFunctions } from "./functions/emit.ts";
import { routeTable } from "./functions/table.ts";
import type { BuildPlan } from "./plan.ts";
import { BuildProblem } from "./problem.ts";

type Build = Pick<BuildPlan & { kind: "build" }, "root" | "framework" | "config">;

/**
 * Functions that are to be joined with a tree.
 *
 * @returns `null`: it was made by `vercel build` and has them, and the configuration's routes. @throws BuildProblem
 */
export async function sourcesBeside(
  tree: string,
  { root, framework }: Build,
): Promise<FunctionSource[] | null> {
  if (await isFile(join(tree, "builds.json"))) return null;
  const sources = (await discover(root, framework)).filter((source) => !isFrameworks(framework, source));
  for (const { name, file } of sources) {
    if (!(await isDirectory(join(tree, "functions", `${name}.func`)))) continue;
    const fix = "Rename one of them, or take it out.";
    throw new BuildProblem("ambiguous_functions", `The build made a function ${name}, as ${file} is.`, fix);
  }
  return sources;
}

/** Whether a framework sees to it by itself: fs-detectors leaves it out then, too. */
function isFrameworks(framework: Build["framework"], { kind }: FunctionSource): boolean {
  switch (kind) {
    case "function":
      return framework?.ignoreRuntimes?.includes("@vercel/node") ?? false;
    case "middleware":
      return framework?.slug === "nextjs" || framework?.disableRootMiddleware === true;
  }
}

/** @returns What `config.json` is to say; `null`: what it says. @throws BuildProblem */
export async function joinedConfig(
  tree: string,
  { config }: Build,
  made: readonly MadeFunction[],
): Promise<object | null> {
  if (made.length === 0 && config.routes.length === 0) return null;
  const own = await readTree(tree);
  return own && { ...own, routes: routeTable(config, own.routes ?? [], made) };
}

interface TreeConfig {
  routes?: Route[];
}

/** @returns `null` for what is no configuration: that is said where it is compiled. */
async function readTree(tree: string): Promise<TreeConfig | null> {
  try {
    const config = JSON.parse(await readFile(join(tree, "config.json"), "utf8")) as TreeConfig | null;
    const isKnown = config?.routes === undefined || Array.isArray(config.routes);
    return isKnown ? config : null;
  } catch {
    return null;
  }
}

/** @param output Where the joined tree goes; the build's own stays as it is. */
export async function writeJoined(
  tree: string,
  output: string,
  config: object,
  made: readonly MadeFunction[],
): Promise<void> {
  await replaceTree(output, async (draft) => {
    // Links from one function to another are of the tree.
    await cp(tree, draft, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    await writeFunctions(draft, made);
    await writeFile(join(draft, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  });
}
