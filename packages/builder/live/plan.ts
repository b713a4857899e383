/** How a folder is served while it is worked on: as a deployment would be built, or by its framework's own server. */
import { join, resolve } from "node:path";
import { isTree } from "../detect.ts";
import { collectFiles } from "../files.ts";
import { discover } from "../functions/discover.ts";
import { type BuildPlan, planBuild } from "../plan.ts";
import { BuildProblem } from "../problem.ts";

type Build = BuildPlan & { kind: "build" };

export type LivePlan =
  | Exclude<BuildPlan, Build>
  | Build
  | { kind: "server"; root: string; command: string; build: Build };

/** Where other tools leave what they build, in a project's folder. */
export const TREE = ".vercel/output";

/**
 * @param output A Build Output tree to take as it is, or `null`.
 * @param isBuild Never ask a framework's own server. @throws BuildProblem
 */
export async function planLive(folder: string, output: string | null, isBuild: boolean): Promise<LivePlan> {
  const root = resolve(folder);
  if (output !== null) return tree(root, resolve(output));
  if (await isTree(root)) return { kind: "prebuilt", root, output: root };
  const plan = await planBuild(root, {}, "auto");
  if (plan.kind === "build" && plan.dev !== null && !isBuild)
    return { kind: "server", root: plan.root, command: plan.dev, build: plan };
  const made = join(root, TREE);
  // Sources go before what was once made of them.
  const isFound = plan.kind === "static" && (await isTree(made)) && (await isEmpty(plan.root, plan.folder));
  return isFound ? { kind: "prebuilt", root, output: made } : plan;
}

async function tree(root: string, output: string): Promise<LivePlan> {
  if (await isTree(output)) return { kind: "prebuilt", root, output };
  throw new BuildProblem(
    "no_output",
    `${output} is not a Build Output tree: it has no config.json with routes or version.`,
    "Give the folder that holds config.json, or leave --output out.",
  );
}

const isEmpty = async (root: string, folder: string): Promise<boolean> =>
  (await collectFiles(folder, true)).length === 0 && (await discover(root)).length === 0;
