/** Carries out a plan: the output's folder is what comes back. */
import { join } from "node:path";
import { assembleOutput } from "./assemble.ts";
import { isDirectory, isFile } from "./detect.ts";
import { discover } from "./functions/discover.ts";
import { type MadeFunction, makeFunctions } from "./functions/emit.ts";
import { joinedConfig, sourcesBeside, writeJoined } from "./joined.ts";
import type { BuildPlan } from "./plan.ts";
import { BuildProblem } from "./problem.ts";
import { type LogLine, runCommand } from "./run.ts";
import { Written } from "./written.ts";

export interface BuildOptions {
  /** Of the project; the user's own environment is there too. */
  env: Record<string, string>;
  onLog(line: LogLine): void;
  signal: AbortSignal;
  /** Where the tree is written; what is there is replaced. */
  output: string;
}

/** @returns The folder of a Build Output v3 tree. @throws BuildProblem */
export async function runBuild(plan: BuildPlan, options: BuildOptions): Promise<string> {
  const say = (text: string) => options.onLog({ stream: "system", text });
  if (plan.kind !== "prebuilt") for (const warning of plan.config.warnings) say(`Warning: ${warning}`);
  switch (plan.kind) {
    case "prebuilt":
      say(`Using the output in ${plan.output}`);
      return plan.output;
    case "static": {
      say(`Static files (${plan.why})`);
      const sources = await discover(plan.root);
      const { folder, config, install } = plan;
      if (sources.length > 0 && install !== null)
        await runCommand(install, "The install", { cwd: plan.root, ...options });
      const made = await makeFunctions(plan.root, sources);
      const { files } = await assembleOutput(folder, options.output, config, null, plan.root, made);
      say(`${files} files${named(made)}`);
      return options.output;
    }
    case "build": {
      const { root, framework, config } = plan;
      const { isTree, folder } = await runCommands(plan, options, plan.install);
      if (isTree) return joined(plan, folder, options.output, say);
      const made = await makeFunctions(root, await discover(root, framework));
      const slug = framework?.slug ?? null;
      const { files } = await assembleOutput(folder, options.output, config, slug, null, made);
      say(`${files} files from ${folder}${named(made)}`);
      return options.output;
    }
  }
}

export interface Made {
  /** Whether it is a Build Output tree already. */
  isTree: boolean;
  folder: string;
}

/** Runs a project's own commands. @param written Learns what they write. @throws BuildProblem */
export async function runCommands(
  plan: BuildPlan & { kind: "build" },
  options: Omit<BuildOptions, "output">,
  install: string | null,
  written = new Written(),
): Promise<Made> {
  const { root, framework, build: command, outputDirectories } = plan;
  options.onLog({ stream: "system", text: `Framework: ${framework?.name ?? "none detected"}` });
  const run = { cwd: root, ...options };
  const own = join(root, ".vercel/output");
  // Next.js exports to `out`, whatever its output directory is called.
  const others = [...outputDirectories, "out"].map((name) => join(root, name));
  await written.watch([own, ...others], async () => {
    if (install !== null) await runCommand(install, "The install", run);
    await runCommand(command, "The build", run);
  });
  const hasTree = await isFile(join(own, "config.json"));
  // It was there before, when the build has written elsewhere. (One that found all in a cache writes nothing.)
  const isOld = !written.hasFilled(own) && others.some((folder) => written.hasFilled(folder));
  if (hasTree && isOld)
    options.onLog({ stream: "system", text: `Passing over ${own}: this build has not written it` });
  if (!hasTree || isOld) return { isTree: false, folder: await findMade(plan) };
  options.onLog({ stream: "system", text: "The build made a Build Output tree itself" });
  return { isTree: true, folder: own };
}

/** @returns Where the tree lies: the build's own, if there is nothing to join it with. */
async function joined(
  plan: BuildPlan & { kind: "build" },
  tree: string,
  output: string,
  say: (text: string) => void,
): Promise<string> {
  const sources = await sourcesBeside(tree, plan);
  if (sources === null) return tree;
  const made = await makeFunctions(plan.root, sources);
  const config = await joinedConfig(tree, plan, made);
  if (config === null) return tree;
  await writeJoined(tree, output, config, made);
  say(`Joined with the project's routes${named(made)}`);
  return output;
}

const named = (made: readonly MadeFunction[]): string =>
  made.length === 0 ? "" : `; ${made.length} functions: ${made.map((one) => one.source.name).join(", ")}`;

async function findMade({
  root,
  framework,
  outputDirectories,
}: BuildPlan & { kind: "build" }): Promise<string> {
  if (framework?.slug === "nextjs") {
    if (await isDirectory(join(root, "out"))) return join(root, "out");
    throw new BuildProblem(
      "functions_not_yet",
      "This Next.js app needs functions.",
      'Set `output: "export"` in its configuration; functions come with a later version.',
    );
  }
  for (const name of outputDirectories) {
    if (await isDirectory(join(root, name))) return join(root, name);
  }
  throw new BuildProblem(
    "no_output",
    `The build made no ${[...new Set(outputDirectories)].join(", no ")}.`,
    "Set the project's outputDirectory to the folder that the build writes.",
  );
}
