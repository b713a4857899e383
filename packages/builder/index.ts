/** Source in, Build Output API v3 out. Used by the CLI on the user's machine. */
export { type BuildOptions, runBuild } from "./build.ts";
export { collectFiles, collectSource, type FoundFile } from "./files.ts";
export { type HashedFile, hashFiles } from "./hash.ts";
export { LiveBuilder, type LiveOutput, type OutputFile } from "./live/build.ts";
export { type LivePlan, planLive, TREE } from "./live/plan.ts";
export { type BuildPlan, type BuildSettings, type Mode, planBuild } from "./plan.ts";
export { BuildProblem, type Place } from "./problem.ts";
export type { LogLine } from "./run.ts";
export { findRepository, needsAgent, type Repository } from "./source.ts";
export { readTree } from "./tree.ts";
