/** `login`, `logout`, `whoami`. */
import { createInterface } from "node:readline/promises";
import { Client } from "@cloudify/sdk";
import { findPlatform, readLogins, writeLogins } from "../config.ts";
import type { Context } from "../context.ts";
import { CliProblem } from "../problem.ts";

export async function login(context: Context): Promise<void> {
  const token = context.flags.token ?? (await ask("Token: "));
  const logins = await readLogins();
  const api = (context.flags.api ?? logins.current ?? (await ask("Address of the platform: "))).replace(
    /\/+$/,
    "",
  );
  if (!URL.canParse(api))
    throw new CliProblem("invalid_api", `${api} is not an address.`, "Give --api https://…", 2);
  const { team, token: about } = await new Client({ api, token }).request("GET /api/me");
  await writeLogins({ current: api, tokens: { ...logins.tokens, [api]: token } });
  context.out.result(
    { api, team, token: about },
    `Logged in to ${api} as ${about.name} (${about.role}) of ${team.slug}`,
  );
}

async function ask(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new CliProblem(
      "needs_token",
      "There is no terminal to ask at.",
      "Give --token TOKEN and --api URL.",
      2,
    );
  }
  const line = createInterface({ input: process.stdin, output: process.stderr });
  return (await line.question(question).finally(() => line.close())).trim();
}

export async function logout(context: Context): Promise<void> {
  const logins = await readLogins();
  const api = context.flags.api?.replace(/\/+$/, "") ?? logins.current;
  if (api === null || !(api in logins.tokens)) {
    throw new CliProblem("not_logged_in", "You are not logged in.", "There is nothing to do.");
  }
  const { [api]: _, ...tokens } = logins.tokens;
  await writeLogins({ current: logins.current === api ? null : logins.current, tokens });
  context.out.result({ api }, `Logged out of ${api}; the token goes on being valid until it is revoked`);
}

export async function whoami(context: Context): Promise<void> {
  const { api } = await findPlatform(context.flags);
  const { team, token } = await (await context.client()).request("GET /api/me");
  context.out.result({ api, team, token }, `${token.name} (${token.role}) of ${team.slug} at ${api}`);
}
