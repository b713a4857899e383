/** A build from source to output tree: what is done, in which order, and what is said of it. */
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { isFile } from "@cloudify/builder/detect";
import type { BuildConfig, BuildVariables } from "../process/contract.ts";
import { measure, restore, save } from "./cache.ts";
import { enclose } from "./enclose.ts";
import { machineEnvironment, managerEnvironment, systemEnvironment } from "./environment.ts";
import { checkExposed } from "./exposed.ts";
import { BuildFault } from "./fault.ts";
import type { Watch } from "./limits.ts";
import type { BuildLog } from "./log.ts";
import { installOf } from "./manager.ts";
import { chooseNode } from "./node.ts";
import { type Project, readProject, shownFolder } from "./project.ts";
import { type Command, run } from "./run.ts";
import { buildScriptOf, emitService, programsFrom, pruneOf } from "./service.ts";
import { startOf } from "./start.ts";
import { ensureTool, INSTALL, type Tool } from "./tools.ts";
import { readTree } from "./tree.ts";
import { commandOf, NOISE, prepare, tidy, VERCEL } from "./vercel.ts";

export interface Build {
  config: BuildConfig;
  variables: BuildVariables;
  log: BuildLog;
  watch: Watch;
}

/** @throws BuildFault, or BuildProblem of packages/builder. */
export async function build(one: Build): Promise<void> {
  const { config, variables, log, watch } = one;
  const from = performance.now();
  const machine = await machineEnvironment(config, process.env);
  await markScripts(config.source);
  const project = await readProject(config.source, config.settings);
  const node = chooseNode(
    process.versions.node,
    project.settings.nodeVersion,
    project.manifest?.engines?.node,
  );
  if (node.instead) log.say("warn", node.instead.why);
  for (const warning of project.warnings) log.say("warn", warning);
  const path = await toolPath(one, project, machine);
  const about =
    project.way.kind === "vercel"
      ? (project.way.framework ?? "none, files and functions")
      : "none, a program with a start script";
  log.say(
    "info",
    `Building ${shownFolder(project)} with Node ${node.major} and ${project.managed.manager}; framework: ${about}`,
  );
  const key = `${project.managed.manager} ${node.major} ${process.platform} ${process.arch}`;
  const kept = await restore(config.cache, config.source, key);
  if (kept !== null)
    log.say("info", kept === "own" ? "Using the build cache" : "Using production's build cache");
  const own = managerEnvironment(project, config.cache, node.instead?.version ?? null);
  const alone = await enclose(project);
  const env = { ...machine, ...own, ...alone, ...variables.env, ...systemEnvironment(config), PATH: path };
  await rm(config.output, { recursive: true, force: true });
  switch (project.way.kind) {
    case "vercel":
      await prepare(project, project.way, node.major);
      await buildByVercel(one, env, machine);
      break;
    case "service":
      await buildService(one, project, env, node.major);
      break;
  }
  await checkOutput(one);
  watch.signal.throwIfAborted();
  const bytes = await save(config.cache, config.source, key).catch((error: unknown) => {
    // The output is what counts.
    log.say("warn", `The build cache could not be kept: ${String(error)}`);
    return 0;
  });
  if (bytes === null) log.say("warn", "The build cache is too large, and was not kept");
  else if (bytes > 0) await measure(config.cache, bytes).catch(() => undefined);
  log.say("info", `Built in ${((performance.now() - from) / 1_000).toFixed(1)} s`);
}

async function buildByVercel(
  one: Build,
  env: Record<string, string>,
  machine: Record<string, string>,
): Promise<void> {
  const { config } = one;
  const tool = await needTool(one, VERCEL, machine);
  await inSource(one, {
    command: commandOf(tool, process.execPath, config.output, config.target),
    shown: "vercel build",
    noise: NOISE,
    what: "The build",
    cwd: config.source,
    env,
    code: "build_failed",
    fix: "Correct what its last lines say; `cloudify deploy --local-build` shows whether it builds on your machine.",
  }).catch((error: unknown) => {
    throw error instanceof BuildFault ? asInstall(error) : error;
  });
  if (!(await isFile(join(config.output, "config.json")))) {
    throw new BuildFault(
      "no_output",
      "The build ended well, but made no output.",
      "Set the project's outputDirectory to the folder that the build writes.",
    );
  }
  await tidy(config.output);
}

/** `vercel build` installs by itself; that it was this which failed is in its last lines. */
const asInstall = (fault: BuildFault): BuildFault =>
  /Command "[^"]*\b(?:install|ci|add)\b[^"]*" exited with/.test(fault.message)
    ? new BuildFault(
        "install_failed",
        fault.message,
        "See that its dependencies can be installed: versions, lockfile, registry.",
      )
    : fault;

async function buildService(
  one: Build,
  project: Project,
  env: Record<string, string>,
  major: number,
): Promise<void> {
  const { config } = one;
  const { app, managed, manifest, settings, installIn } = project;
  const step = (command: string, what: string, cwd: string, code: string): Promise<void> =>
    inSource(one, {
      command,
      what,
      cwd,
      env: { ...env, PATH: `${join(cwd, "node_modules/.bin")}${delimiter}${env.PATH}` },
      code,
      fix: "Correct what its last lines say.",
    });
  if (manifest)
    await step(settings.installCommand ?? installOf(managed), "The install", installIn, "install_failed");
  const script = settings.buildCommand ?? buildScriptOf(manifest, managed);
  if (script !== null) await step(script, "The build", app, "build_failed");
  const prune = settings.installCommand === null ? pruneOf(project) : null;
  if (prune !== null) await step(prune, "Leaving out development's packages", installIn, "build_failed");
  const start = await startOf(manifest, programsFrom(config.source, app));
  await emitService(config.source, app, config.output, major, start);
}

async function inSource({ log, watch }: Build, command: Command): Promise<void> {
  const { command: words } = command;
  if (typeof words === "string") log.say("info", `$ ${words}`);
  await run(command, log, (group) => watch.follow(group), watch.signal);
}

async function needTool(
  { config, log, watch }: Build,
  tool: Tool,
  machine: Record<string, string>,
): Promise<string> {
  const tools = join(dirname(config.cache), "tools");
  const install = async (folder: string, what: string) => {
    log.say("info", `Installing ${what} for this region, once`);
    const command: Command = {
      command: INSTALL,
      what: `Installing ${what}`,
      cwd: folder,
      env: { ...machine, PATH: `${dirname(process.execPath)}${delimiter}${machine.PATH ?? ""}` },
      code: "tool_unavailable",
      fix: "Deploy again in a while; the region's machine must reach its npm registry.",
    };
    await run(command, log, (group) => watch.follow(group), watch.signal).catch((error: unknown) => {
      throw error instanceof BuildFault && error.code === command.code
        ? new BuildFault(error.code, error.message, error.fix, true)
        : error;
    });
  };
  return ensureTool(tools, tool, install, watch.signal);
}

/** Node first, then the project's package manager, where the machine has none of that version. */
async function toolPath(one: Build, { managed }: Project, machine: Record<string, string>): Promise<string> {
  const { package: name, version } = managed;
  const node = dirname(process.execPath);
  const there = machine.PATH ?? "";
  if (name === null) return [node, there].join(delimiter);
  const tool = await needTool(one, { package: name, version: version ?? "latest" }, machine);
  const bin = name.startsWith("@oven/")
    ? join(tool, "node_modules", name, "bin")
    : join(tool, "node_modules/.bin");
  return [bin, node, there].join(delimiter);
}

async function checkOutput({ config, variables, log }: Build): Promise<void> {
  const files = await readTree(config.output);
  for (const warning of await checkExposed(files, variables)) log.say("warn", warning);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  log.say("info", `The output has ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
}

/** Sent from Windows, no file is executable: what begins as a script does is made so. */
async function markScripts(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await markScripts(path);
    else if (entry.isFile()) {
      const file = await open(path);
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2);
        if (bytesRead === 2 && buffer.toString() === "#!") await file.chmod(0o755);
      } finally {
        await file.close();
      }
    }
  }
}
