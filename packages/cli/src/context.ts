/** What every command is handed. */
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { ApiError, Client, type Project } from "@cloudify/sdk";
import { findPlatform, type Link, readLink, writeLink } from "./config.ts";
import { makeOutput, type Output } from "./output.ts";
import { CliProblem } from "./problem.ts";

export interface GlobalFlags {
  api?: string;
  token?: string;
  json?: boolean;
  yes?: boolean;
  project?: string;
}

export interface Context {
  flags: GlobalFlags;
  out: Output;
  client(): Promise<Client>;
}

export function makeContext(flags: GlobalFlags): Context {
  let client: Promise<Client> | null = null;
  return {
    flags,
    out: makeOutput(flags.json === true),
    client: () => {
      client ??= findPlatform(flags).then((platform) => new Client(platform));
      return client;
    },
  };
}

/** The project of a folder: `--project`, else the link. */
export async function projectOf(context: Context, folder = "."): Promise<string> {
  if (context.flags.project) return context.flags.project;
  const link = await linkOf(context, folder);
  if (link) return link.projectId;
  throw new CliProblem(
    "not_linked",
    `${resolve(folder)} is not linked to a project.`,
    "Run `cloudify link --project NAME`, or give --project NAME.",
    2,
  );
}

/** A link to a project of another platform does not count here. */
export async function linkOf(context: Context, folder: string): Promise<Link | null> {
  const link = await readLink(folder);
  if (!link) return null;
  const { api } = await context.client();
  return link.api === api ? link : null;
}

/** Finds the project, or makes it when the user wants that. */
export async function ensureProject(context: Context, name: string): Promise<Project> {
  const client = await context.client();
  try {
    return await client.request("GET /api/projects/{project}", { params: { project: name } });
  } catch (error) {
    if (!(error instanceof ApiError) || error.problem.code !== "not_found") throw error;
  }
  await confirm(context, `There is no project ${name}. Create it?`);
  try {
    const made = await client.request("POST /api/projects", { body: { name } });
    context.out.note(`Created the project ${made.name}`);
    return made;
  } catch (error) {
    // Somebody else was quicker.
    if (!(error instanceof ApiError) || error.problem.code !== "name_taken") throw error;
    return client.request("GET /api/projects/{project}", { params: { project: name } });
  }
}

export async function link(context: Context, folder: string, project: Project): Promise<void> {
  const { api } = await context.client();
  await writeLink(folder, { api, team: project.teamId, projectId: project.id, name: project.name });
}

/** Without a terminal nothing asks: `--yes`, or a clear no. */
export async function confirm(context: Context, question: string): Promise<void> {
  if (context.flags.yes) return;
  if (!process.stdin.isTTY || context.out.json) {
    throw new CliProblem(
      "needs_yes",
      `${question} There is no terminal to ask at.`,
      "Give --yes to go on.",
      2,
    );
  }
  const line = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await line.question(`${question} [Y/n] `).finally(() => line.close());
  if (!/^(?:y(?:es)?)?$/i.test(answer.trim())) throw new CliProblem("declined", "Nothing was done.", "");
}

/** A project's name made of a folder's. */
export const slugOf = (name: string): string =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 48)
    .replace(/-+$/, "");
