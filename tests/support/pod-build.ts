/** The build program of a test's pods: the pod's own exchange with the agent, around a build command alone. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inPod } from "../../packages/agent/kubernetes/pod/build.ts";

await inPod(process.env, async ({ task, env, source, output, onLine }, signal) => {
  const { buildCommand, outputDirectory } = task.settings;
  const child = spawn("sh", ["-c", buildCommand ?? ""], {
    cwd: source,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on("line", (line) => onLine("info", line));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    const detail = `The build command ended with ${code}.`;
    return { ok: false, code: "build_failed", detail, fix: "Look at the log.", isRetryable: false };
  }
  cpSync(join(source, outputDirectory ?? ""), join(output, "static"), { recursive: true });
  return { ok: true };
});
