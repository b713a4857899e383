/**
 * What nearly every build needs is installed when the agent begins, from the machine's own npm cache if it has one: the
 * first build need not wait for it. It is nobody's build, so it stands back for what is under way.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, symlink } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Log } from "../seams.ts";
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

async function npmInstall(folder: string, signal: AbortSignal): Promise<void> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("CLOUDIFY_")),
  );
  const PATH = `${dirname(process.execPath)}${delimiter}${env.PATH ?? ""}`;
  const child = spawn("/bin/sh", ["-c", INSTALL], {
    cwd: folder,
    env: { ...env, PATH },
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const { pid } = child;
  const end = () => pid !== undefined && process.kill(-pid, "SIGKILL");
  signal.addEventListener("abort", end, { once: true });
  if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  let said = "";
  child.stderr.on("data", (chunk) => {
    said = (said + chunk).slice(-2_000);
  });
  try {
    const [code] = await once(child, "close");
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`npm ended with ${code}: ${said.trim()}`);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
