/** Builds on the user's machine, with the project's variables as far as they may be known here. */
import { type BuildPlan, type LogLine, type Mode, planBuild, runBuild } from "@cloudify/builder";
import type { Client, Project } from "@cloudify/sdk";
import color from "picocolors";
import type { Context } from "./context.ts";

export interface Here {
  root: string;
  /** Where the tree is to be. */
  output: string;
  mode: Mode;
  target: string;
  signal: AbortSignal;
}

/** @returns Where the output lies, and the build's log as NDJSON; it is empty when nothing was built. */
export async function buildHere(
  context: Context,
  client: Client,
  project: Project,
  { root, output: to, mode, target, signal }: Here,
): Promise<{ output: string; log: string }> {
  const plan: BuildPlan = await planBuild(root, project.settings, mode);
  const isBuild = plan.kind === "build";
  const values = isBuild
    ? await client.request(
        "GET /api/projects/{project}/env/pull",
        { params: { project: project.id }, query: { target } },
        { signal },
      )
    : { env: {}, sensitive: [] };
  if (values.sensitive.length > 0) {
    context.out.note(
      `Not known to a build on this machine, since they are sensitive: ${values.sensitive.join(", ")}`,
    );
  }
  const rows: string[] = [];
  const onLog = (line: LogLine) => {
    const text = redact(line.text, Object.values(values.env));
    rows.push(JSON.stringify({ at: Date.now(), stream: line.stream, text }));
    context.out.note(line.stream === "system" ? color.dim(text) : text);
  };
  const output = await runBuild(plan, { output: to, env: values.env, onLog, signal });
  return { output, log: isBuild ? `${rows.join("\n")}\n` : "" };
}

/** Values of the environment do not belong in a log that others read. */
function redact(text: string, values: readonly string[]): string {
  return values
    .filter((value) => value.length >= 8)
    .reduce((shown, value) => shown.replaceAll(value, "[redacted]"), text);
}
