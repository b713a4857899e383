/** `teams`, `tokens`, `audit`, `api`. */
import { readFile } from "node:fs/promises";
import type { Client } from "@cloudify/sdk";
import { type Context, confirm } from "../context.ts";
import { durationOf } from "../duration.ts";
import { age, table } from "../output.ts";
import { CliProblem } from "../problem.ts";

export async function addTeam(context: Context, slug: string): Promise<void> {
  const made = await (await context.client()).request("POST /api/teams", { body: { slug } });
  context.out.result(
    made,
    `Created the team ${slug}. Its owner's token, shown this once:\n${made.token.token}`,
  );
}

type TokenRow = Awaited<ReturnType<typeof tokenPage>>["data"][number];
const tokenPage = (client: Client, cursor: string | undefined) =>
  client.request("GET /api/tokens", { query: { limit: 100, ...(cursor ? { cursor } : {}) } });

export async function listTokens(context: Context): Promise<void> {
  const client = await context.client();
  const found: TokenRow[] = [];
  for await (const one of client.pages((cursor) => tokenPage(client, cursor))) {
    found.push(one);
  }
  const end = (one: TokenRow) =>
    one.revokedAt !== null
      ? "revoked"
      : one.expiresAt === null
        ? "never expires"
        : new Date(one.expiresAt).toISOString();
  const rows = found.map((one) => [
    one.id,
    one.name,
    one.role,
    one.lastUsedAt === null ? "never" : age(one.lastUsedAt),
    end(one),
  ]);
  context.out.result(found, table([["TOKEN", "NAME", "ROLE", "USED", "ENDS"], ...rows]));
}

interface TokenFlags {
  role: string;
  scopes?: string;
  expires?: string;
}

export async function addToken(context: Context, name: string, flags: TokenFlags): Promise<void> {
  const body: Record<string, unknown> = { name, role: flags.role };
  if (flags.scopes) body.scopes = flags.scopes.split(",");
  if (flags.expires) body.expiresAt = Date.now() + durationOf(flags.expires);
  const made = (await (await context.client()).call("POST", "/api/tokens", body)) as {
    token: string;
    name: string;
    role: string;
  };
  context.out.note(`Created ${made.name} (${made.role}). It is shown this once:`);
  context.out.result(made, made.token);
}

export async function revokeToken(context: Context, id: string): Promise<void> {
  await confirm(context, `Revoke ${id}? What uses it stops working at once.`);
  const ended = await (await context.client()).request("DELETE /api/tokens/{token}", {
    params: { token: id },
  });
  context.out.result(ended, `Revoked ${ended.name}`);
}

interface AuditFlags {
  format?: string;
  from?: string;
  to?: string;
  actor?: string;
  action?: string;
  limit: string;
  verify?: boolean;
}

export async function audit(context: Context, flags: AuditFlags): Promise<void> {
  const client = await context.client();
  const { team } = await client.request("GET /api/me");
  const params = { team: team.id };
  if (flags.verify) {
    const checked = await client.request("GET /api/teams/{team}/audit/verify", { params });
    const text = checked.ok
      ? `Sound up to ${checked.sealed}; ${checked.unsealed} not sealed yet`
      : `Broken at ${checked.brokenAt}`;
    context.out.result(checked, text);
    if (!checked.ok) process.exitCode = 1;
    return;
  }
  const moment = (text: string | undefined) =>
    text === undefined ? undefined : Date.parse(text) || Number(text);
  const query = {
    from: moment(flags.from),
    to: moment(flags.to),
    actor: flags.actor,
    action: flags.action,
    limit: Number(flags.limit),
  };
  if (flags.format && flags.format !== "json") {
    const given = Object.entries({ ...query, format: flags.format }).filter(
      ([, value]) => value !== undefined,
    );
    const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
    process.stdout.write(String(await client.call("GET", `/api/teams/${team.id}/audit?${search}`)));
    return;
  }
  const { data } = await client.request("GET /api/teams/{team}/audit", { params, query });
  const rows = data.map((one) => [
    String(one.seq),
    new Date(one.at).toISOString(),
    one.action,
    one.target,
    one.actor.id,
  ]);
  context.out.result(data, table([["SEQ", "AT", "ACTION", "TARGET", "ACTOR"], ...rows]));
}

export async function api(
  context: Context,
  method: string,
  path: string,
  flags: { data?: string },
): Promise<void> {
  const { data } = flags;
  const text =
    data === "-"
      ? await readFile("/dev/stdin", "utf8")
      : data?.startsWith("@")
        ? await readFile(data.slice(1), "utf8")
        : data;
  let body: unknown;
  try {
    body = text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    throw new CliProblem(
      "invalid_json",
      `--data is not JSON: ${String(error)}.`,
      "Give JSON, @file, or - for standard input.",
      2,
    );
  }
  const answer = await (await context.client()).call(
    method.toUpperCase(),
    path.startsWith("/") ? path : `/${path}`,
    body,
  );
  const shown =
    typeof answer === "string"
      ? answer.replace(/\n$/, "")
      : JSON.stringify(answer, null, context.out.json ? 0 : 2);
  if (answer !== null) process.stdout.write(`${shown}\n`);
}
