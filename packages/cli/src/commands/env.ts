/** `env ls | add | rm | pull`. */
import { readFile, rename, writeFile } from "node:fs/promises";
import type { EnvVar } from "@cloudify/sdk";
import { type Context, confirm, projectOf } from "../context.ts";
import { mergeEnvFile } from "../env-file.ts";
import { table } from "../output.ts";
import { CliProblem } from "../problem.ts";

const LATER = "It reaches new deployments and `cloudify redeploy` only; what is deployed keeps what it had";

async function all(context: Context): Promise<EnvVar[]> {
  const client = await context.client();
  const project = await projectOf(context);
  const found: EnvVar[] = [];
  for await (const one of client.pages((cursor) =>
    client.request("GET /api/projects/{project}/env", {
      params: { project },
      query: { limit: 100, ...(cursor ? { cursor } : {}) },
    }),
  )) {
    found.push(one);
  }
  return found;
}

export async function list(context: Context, flags: { target?: string }): Promise<void> {
  const found = (await all(context)).filter(
    (one) => flags.target === undefined || one.targets.includes(flags.target),
  );
  const rows = found.map((one) => [
    one.key,
    one.sensitive ? "(sensitive)" : "(encrypted)",
    one.targets.join(","),
    one.branch ?? "-",
  ]);
  context.out.result(found, table([["KEY", "VALUE", "TARGETS", "BRANCH"], ...rows]));
}

interface AddFlags {
  value?: string;
  target: string;
  branch?: string;
  sensitive?: boolean;
}

export async function add(context: Context, key: string, flags: AddFlags): Promise<void> {
  const value = flags.value ?? (await readStandardInput());
  if (value === "" && flags.value === undefined) {
    throw new CliProblem(
      "no_value",
      "Standard input was empty.",
      'Give the value with --value, or --value "" for an empty one.',
      2,
    );
  }
  const targets =
    flags.branch && flags.target === DEFAULT_TARGETS
      ? ["preview"]
      : flags.target.split(",").filter((one) => one !== "");
  const made = await (await context.client()).request("POST /api/projects/{project}/env", {
    params: { project: await projectOf(context) },
    body: {
      key,
      value,
      targets,
      sensitive: flags.sensitive === true,
      ...(flags.branch ? { branch: flags.branch } : {}),
    },
  });
  context.out.note(LATER);
  context.out.result(made, `Added ${key} for ${made.targets.join(", ")}`);
}

export const DEFAULT_TARGETS = "production,preview,development";

async function readStandardInput(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new CliProblem(
      "no_value",
      "There is no value.",
      "Give --value VALUE, or pipe it into standard input.",
      2,
    );
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

export async function remove(
  context: Context,
  key: string,
  flags: { target?: string; branch?: string },
): Promise<void> {
  const client = await context.client();
  const project = await projectOf(context);
  const found = (await all(context)).filter(
    (one) =>
      one.key === key &&
      (flags.target === undefined || one.targets.includes(flags.target)) &&
      (flags.branch === undefined || one.branch === flags.branch),
  );
  if (found.length === 0)
    throw new CliProblem("not_found", `There is no variable ${key} here.`, "See `cloudify env ls`.");
  await confirm(context, `Remove ${key} (${found.map((one) => one.targets.join(",")).join("; ")})?`);
  for (const one of found) {
    const left = flags.target === undefined ? [] : one.targets.filter((target) => target !== flags.target);
    const params = { project, envVar: one.id };
    if (left.length > 0)
      await client.request("PATCH /api/projects/{project}/env/{envVar}", { params, body: { targets: left } });
    else await client.request("DELETE /api/projects/{project}/env/{envVar}", { params });
  }
  context.out.note(LATER);
  context.out.result({ removed: key }, `Removed ${key}`);
}

export async function pull(
  context: Context,
  file = ".env.local",
  flags: { target: string; branch?: string },
): Promise<void> {
  const pulled = await (await context.client()).request("GET /api/projects/{project}/env/pull", {
    params: { project: await projectOf(context) },
    query: { target: flags.target, ...(flags.branch ? { branch: flags.branch } : {}) },
  });
  const existing = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const { text, skipped } = mergeEnvFile(existing, pulled);
  await writeFile(`${file}.tmp`, text, { mode: 0o600 });
  await rename(`${file}.tmp`, file);
  for (const key of skipped) context.out.note(`${key} could not be written: no quoting keeps its value`);
  const { sensitive } = pulled;
  const keys = Object.keys(pulled.env).filter((key) => !skipped.includes(key));
  const note = sensitive.length > 0 ? `; sensitive, by name only: ${sensitive.join(", ")}` : "";
  context.out.result(
    { file, keys, sensitive, skipped },
    `Wrote ${keys.length} variables of ${flags.target} to ${file}${note}`,
  );
}
