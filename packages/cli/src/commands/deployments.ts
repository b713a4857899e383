/** `ls`, `inspect`, `logs`, `rollback`, `redeploy`, `cancel`, `rm`. */
import type { Client, Deployment } from "@cloudify/sdk";
import { type Context, confirm, projectOf } from "../context.ts";
import { printRow, readLog, waitFor } from "../follow.ts";
import { age, bytes, table } from "../output.ts";
import { goBack } from "./rollout.ts";

export async function list(
  context: Context,
  flags: { limit: string; target?: string; state?: string },
): Promise<void> {
  const client = await context.client();
  const query = { limit: Number(flags.limit), ...(flags.target ? { target: flags.target } : {}) };
  const state = flags.state as Deployment["state"] | undefined;
  const { data } = await client.request("GET /api/projects/{project}/deployments", {
    params: { project: await projectOf(context) },
    query: { ...query, ...(state ? { state } : {}) },
  });
  const rows = data.map((one) => [
    one.id,
    one.state,
    one.target + (one.liveOn.length > 0 ? " (live)" : ""),
    age(one.createdAt),
    one.url,
  ]);
  context.out.result(data, table([["DEPLOYMENT", "STATE", "TARGET", "AGE", "URL"], ...rows]));
}

export async function inspect(context: Context, idOrHost: string): Promise<void> {
  const client = await context.client();
  const found = await client.request("GET /api/deployments/{deployment}", {
    params: { deployment: idOrHost },
  });
  const warnings = await warningsOf(client, found.id);
  const rows: [string, string][] = [
    ["id", found.id],
    ["project", found.project],
    ["state", found.state],
    ["target", found.target],
    ["url", found.url],
    ["aliases", found.aliases.join(" ") || "-"],
    ["live on", found.liveOn.join(" ") || "-"],
    ["files", `${found.fileCount} (${bytes(found.bytes)})`],
    [
      "git",
      found.git
        ? `${found.git.branch ?? "-"} ${found.git.commit?.slice(0, 9) ?? ""} ${found.git.message ?? ""}`.trim()
        : "-",
    ],
    ["created", `${new Date(found.createdAt).toISOString()} by ${found.createdBy}`],
    ["ready", found.readyAt === null ? "-" : `${found.readyAt - found.createdAt} ms later`],
    ...(found.error
      ? ([["error", `${found.error.code}: ${found.error.detail} ${found.error.fix}`]] as [string, string][])
      : []),
    ...warnings.map((text): [string, string] => ["warning", text]),
  ];
  context.out.result({ ...found, warnings }, table(rows));
}

/** What was accepted without full effect, as the deployment's log says it. */
async function warningsOf(client: Client, deployment: string): Promise<string[]> {
  const rows = await readLog(client, deployment, 0);
  return rows.filter((row) => row.stream === "system" && row.level === "warn").map((row) => row.text);
}

export async function logs(
  context: Context,
  idOrHost: string | undefined,
  flags: { follow?: boolean; after: string },
): Promise<void> {
  const client = await context.client();
  const deployment = idOrHost ?? (await latest(context)).id;
  const after = Number(flags.after);
  if (flags.follow) {
    for await (const row of client.follow(deployment, after)) printRow(context, row);
    return;
  }
  for (const row of await readLog(client, deployment, after)) printRow(context, row);
}

export async function rollback(context: Context, idOrHost: string | undefined): Promise<void> {
  const client = await context.client();
  const moved =
    idOrHost === undefined ? await goBack(client, await projectOf(context)) : await backTo(client, idOrHost);
  if (moved.held) {
    context.out.note("It sticks: later deployments do not take production until you promote one");
  }
  context.out.result(moved, `${moved.url} serves ${moved.live}`);
}

async function backTo(client: Client, idOrHost: string) {
  const { id: deploymentId, projectId: project } = await client.request("GET /api/deployments/{deployment}", {
    params: { deployment: idOrHost },
  });
  return client.request("POST /api/projects/{project}/rollback", {
    params: { project },
    body: { deploymentId },
  });
}

export async function redeploy(
  context: Context,
  idOrHost: string,
  flags: { target?: string; wait: boolean },
): Promise<void> {
  const client = await context.client();
  const made = await client.request("POST /api/deployments/{deployment}/redeploy", {
    params: { deployment: idOrHost },
    body: flags.target ? { target: flags.target } : {},
  });
  const done = flags.wait ? await waitFor(context, client, made.id) : made;
  context.out.result(done, done.url);
}

export async function cancel(context: Context, idOrHost: string): Promise<void> {
  const ended = await (await context.client()).request("POST /api/deployments/{deployment}/cancel", {
    params: { deployment: idOrHost },
  });
  context.out.result(ended, `Canceled ${ended.id}`);
}

export async function remove(
  context: Context,
  idOrHost: string,
  flags: { replacement?: string },
): Promise<void> {
  await confirm(context, `Remove ${idOrHost}? Its address will answer 404.`);
  await (await context.client()).request("DELETE /api/deployments/{deployment}", {
    params: { deployment: idOrHost },
    query: flags.replacement ? { replacement: flags.replacement } : {},
  });
  context.out.result({ removed: idOrHost }, `Removed ${idOrHost}`);
}

async function latest(context: Context): Promise<Deployment> {
  const { data } = await (await context.client()).request("GET /api/projects/{project}/deployments", {
    params: { project: await projectOf(context) },
    query: { limit: 1 },
  });
  const [first] = data;
  if (!first) throw new Error("The project has no deployments yet.");
  return first;
}
