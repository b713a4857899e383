/** What the CLI remembers: logins in the user's configuration folder, a project's link in the project. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CliProblem } from "./problem.ts";

interface Logins {
  current: string | null;
  /** API address → token. */
  tokens: Record<string, string>;
}

export interface Link {
  api: string;
  team: string;
  projectId: string;
  name: string;
}

export interface Platform {
  api: string;
  token: string;
}

const loginsPath = (): string =>
  join(
    process.env.CLOUDIFY_CONFIG_DIR ??
      join(process.env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "cloudify"),
    "config.json",
  );

export const readLogins = async (): Promise<Logins> =>
  (await readJson<Logins>(loginsPath())) ?? { current: null, tokens: {} };

export const writeLogins = (logins: Logins): Promise<void> => writeJson(loginsPath(), logins, 0o600);

const linkPath = (folder: string): string => join(folder, ".cloudify/project.json");

export const readLink = (folder: string): Promise<Link | null> => readJson<Link>(linkPath(folder));

/** Also keeps the folder's own `.gitignore` in step, where there is one. */
export async function writeLink(folder: string, link: Link): Promise<void> {
  await writeJson(linkPath(folder), link, 0o644);
  const path = join(folder, ".gitignore");
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null || /^\/?\.cloudify\/?$/m.test(text)) return;
  await writeFile(path, `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}.cloudify\n`);
}

/** Flags and variables first, then a login, then a platform on this machine. */
export async function findPlatform(flags: { api?: string; token?: string }): Promise<Platform> {
  const logins = await readLogins();
  const local = await readLocal();
  const { api = "", token = "" } = flags;
  if (api !== "" && token !== "") return { api, token };
  const wanted = api !== "" ? trim(api) : null;
  const known = wanted ?? logins.current ?? (local && trim(local.api));
  const held =
    known === null
      ? undefined
      : (logins.tokens[known] ?? (local && trim(local.api) === known ? local.token : undefined));
  const chosen = token !== "" ? token : held;
  if (known !== null && chosen !== undefined) return { api: known, token: chosen };
  throw new CliProblem(
    "not_logged_in",
    known === null ? "No platform is known." : `There is no token for ${known}.`,
    "Log in with `cloudify login --api URL --token TOKEN`, or set CLOUDIFY_API and CLOUDIFY_TOKEN.",
  );
}

/** A platform that `npm start` runs on this machine leaves its credentials in its home. */
async function readLocal(): Promise<Platform | null> {
  const { CLOUDIFY_HOME } = process.env;
  if (CLOUDIFY_HOME) return readJson<Platform>(join(resolve(CLOUDIFY_HOME), "credentials.json"));
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const found = await readJson<Platform>(join(folder, ".cloudify/credentials.json"));
    if (found || folder === dirname(folder)) return found;
  }
}

const trim = (api: string): string => api.replace(/\/+$/, "");

async function readJson<T>(path: string): Promise<T | null> {
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new CliProblem(
      "invalid_config",
      `${path} is not JSON.`,
      "Correct it, or delete it and log in or link again.",
    );
  }
}

async function writeJson(path: string, value: unknown, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.tmp`, `${JSON.stringify(value, null, 2)}\n`, { mode });
  await rename(`${path}.tmp`, path);
}
