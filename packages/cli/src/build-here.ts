/** Builds on the user's machine, with the project's variables as far as they may be known here. */
import { type BuildPlan, type LogLine, type Mode, planBuild, runBuild } from "@cloudify/builder";
import { guardedNames, SECRET_LENGTH, secretForms } from "@cloudify/protocol";
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
  const redact = redaction(values.env);
  const rows: string[] = [];
  const onLog = (line: LogLine) => {
    const text = redact(line.text);
    rows.push(JSON.stringify({ at: Date.now(), stream: line.stream, text }));
    context.out.note(line.stream === "system" ? color.dim(text) : text);
  };
  const output = await runBuild(plan, { output: to, env: values.env, onLog, signal });
  return { output, log: isBuild ? `${rows.join("\n")}\n` : "" };
}

/** What looks like a secret does not belong in a log that others read. The sensitive ones are not known here. */
function redaction(env: Record<string, string>): (text: string) => string {
  const names = guardedNames(Object.entries(env).map(([key, value]) => ({ key, value, sensitive: false })));
  const values = names.flatMap((name) => env[name] ?? []).filter((value) => value.length >= SECRET_LENGTH);
  const forms = [...new Set(values.flatMap(secretForms))].filter((form) => form.length >= SECRET_LENGTH);
  forms.sort((a, b) => b.length - a.length);
  return (text) => forms.reduce((shown, form) => shown.replaceAll(form, "[redacted]"), text);
}
