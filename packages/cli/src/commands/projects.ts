/** `init`, `link`, `projects`, `build`. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { type Mode, planBuild, runBuild } from "@cloudify/builder";
import type { Project } from "@cloudify/sdk";
import { type Context, confirm, ensureProject, link as linkFolder, linkOf, slugOf } from "../context.ts";
import { age, table } from "../output.ts";
import { CliProblem } from "../problem.ts";
import { type SettingFlags, settingsOf } from "../settings.ts";
import { type PlanFlags, planOf } from "../stages.ts";

export async function init(context: Context, folder = "."): Promise<void> {
  const root = resolve(folder);
  await mkdir(root, { recursive: true });
  if ((await readdir(root)).some((name) => !name.startsWith("."))) {
    throw new CliProblem("not_empty", `${root} is not empty.`, "Give the name of a new folder.");
  }
  const files: Record<string, string> = { "index.html": page("It works"), "404.html": page("Not here") };
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text);
  context.out.result(
    { folder: root, files: Object.keys(files) },
    `Made a static site in ${root}; deploy it with \`cloudify deploy ${folder}\``,
  );
}

const page = (title: string): string =>
  `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>${title}</title>\n<h1>${title}</h1>\n</html>\n`;

export async function link(context: Context, folder = "."): Promise<void> {
  const root = resolve(folder);
  const name = context.flags.project ?? slugOf(basename(root));
  const project = await ensureProject(context, name);
  await linkFolder(context, root, project);
  context.out.result(
    { projectId: project.id, name: project.name, url: project.url },
    `Linked ${root} to ${project.name} (${project.url})`,
  );
}

export async function build(context: Context, folder = ".", flags: { static?: boolean }): Promise<void> {
  const root = resolve(folder);
  const held = await linkOf(context, root).catch(() => null);
  const client = held ? await context.client() : null;
  const project =
    client && held
      ? await client.request("GET /api/projects/{project}", { params: { project: held.projectId } })
      : null;
  const mode: Mode = flags.static ? "static" : "auto";
  const plan = await planBuild(root, project?.settings ?? {}, mode);
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const output = await runBuild(plan, {
    output: join(plan.root, ".cloudify/output"),
    env: {},
    onLog: (line) => context.out.note(line.text),
    signal: stop.signal,
  });
  context.out.result({ output }, `Built ${output}; deploy it with \`cloudify deploy --prebuilt\``);
}

export async function list(context: Context): Promise<void> {
  const client = await context.client();
  const all = [];
  for await (const project of client.pages((cursor) =>
    client.request("GET /api/projects", { query: { limit: 100, ...(cursor ? { cursor } : {}) } }),
  )) {
    all.push(project);
  }
  const rows = all.map((one) => [one.name, one.url, one.live?.deploymentId ?? "-", age(one.updatedAt)]);
  context.out.result(all, table([["PROJECT", "PRODUCTION", "LIVE", "UPDATED"], ...rows]));
}

export async function add(context: Context, name: string): Promise<void> {
  const project = await (await context.client()).request("POST /api/projects", { body: { name } });
  context.out.result(project, `Created ${project.name} (${project.url})`);
}

/** What is not given stays. */
export async function set(context: Context, name: string, flags: PlanFlags & SettingFlags): Promise<void> {
  const client = await context.client();
  const params = { project: name };
  const held = await client.request("GET /api/projects/{project}", { params });
  const change = {
    ...rollingOf(flags, held.settings.rollingRelease),
    ...settingsOf(flags),
  };
  const isAsked = Object.keys(change).length > 0;
  const body = { settings: change, ifVersion: held.settingsVersion };
  const project = isAsked ? await client.request("PATCH /api/projects/{project}", { params, body }) : held;
  const rows = Object.entries(project.settings).map(([key, value]) => [
    key,
    typeof value === "string" ? value : value === null ? "-" : JSON.stringify(value),
  ]);
  context.out.result(project, table(rows));
}

/** A guard alone changes the stages' that are set. */
function rollingOf({ stages, guard }: PlanFlags, held: Project["settings"]["rollingRelease"]) {
  if (stages === "off" && guard === undefined) return { rollingRelease: null };
  const given = planOf({
    ...(stages === undefined ? {} : { stages }),
    ...(guard === undefined ? {} : { guard }),
  });
  if (given.stages === undefined && given.guard === undefined) return {};
  const all = given.stages ?? held?.stages;
  if (all) return { rollingRelease: { ...held, ...given, stages: all } };
  throw new CliProblem(
    "guard_of_nothing",
    "--guard is of stages, and none are set.",
    "Give --stages with it.",
    2,
  );
}

export async function remove(context: Context, name: string): Promise<void> {
  await confirm(context, `Remove the project ${name} with all its deployments and variables?`);
  await (await context.client()).request("DELETE /api/projects/{project}", { params: { project: name } });
  context.out.result({ removed: name }, `Removed ${name}`);
}
