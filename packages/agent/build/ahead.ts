/**
 * What nearly every build needs is installed when the agent begins, from the machine's own npm cache if it has one: the
 * first build need not wait for it. It is nobody's build, so it stands back for what is under way.
 */
import { lstat, mkdir, symlink } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Log } from "../seams.ts";
import { BuildLog } from "./log.ts";
import { type Command, run } from "./run.ts";
import { ensureTool, INSTALL } from "./tools.ts";
import { VERCEL } from "./vercel.ts";

/** @param tools Folder of tools, which agents of one machine may share. @param caches Where builds look for them. */
export async function installAhead(
  tools: string,
  caches: string,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  try {
    await mkdir(caches, { recursive: true, mode: 0o700 });
    const link = join(caches, "tools");
    if (!(await lstat(link).catch(() => null))) await symlink(tools, link);
    const from = performance.now();
    let isNew = false;
    const install = (folder: string) => {
      isNew = true;
      return npmInstall(folder, signal);
    };
    await ensureTool(tools, VERCEL, install, signal);
    if (isNew)
      log("info", "What builds need is installed.", { tools, ms: Math.round(performance.now() - from) });
  } catch (error) {
    // The first build that needs it tries again, and tells its owner why it can't.
    if (!signal.aborted)
      log("warn", "What builds need could not be installed beforehand.", { error: String(error) });
  }
}

function npmInstall(folder: string, signal: AbortSignal): Promise<void> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CLOUDIFY_"));
  const env = Object.fromEntries(own) as Record<string, string>;
  const command: Command = {
    command: INSTALL,
    what: "npm",
    cwd: folder,
    env: { ...env, PATH: `${dirname(process.execPath)}${delimiter}${env.PATH ?? ""}` },
    code: "tool_unavailable",
    fix: "",
  };
  const standBack = (pid: number | null) =>
    pid === null ? undefined : setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  return run(command, new BuildLog([], () => undefined), standBack, signal);
}
