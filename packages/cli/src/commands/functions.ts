/** `functions ls | deploy | inspect | logs | rm | rollout | revert`. */
import type { Client, EdgeFunction, LogRow } from "@cloudify/sdk";
import { type Context, confirm } from "../context.ts";
import { printRow, readLog, waitFor } from "../follow.ts";
import { readFunctionSource } from "../function-source.ts";
import { age, table } from "../output.ts";
import { percentOf } from "../percent.ts";
import { goBack, servedBy, shareOf } from "./rollout.ts";

export async function list(context: Context): Promise<void> {
  const client = await context.client();
  const found: EdgeFunction[] = [];
  for await (const one of client.pages((cursor) =>
    client.request("GET /api/functions", { query: { limit: 100, ...(cursor ? { cursor } : {}) } }),
  )) {
    found.push(one);
  }
  const rows = found.map((one) => [one.name, stateOf(one), shareOf(one.canary), age(one.updatedAt), one.url]);
  context.out.result(found, table([["FUNCTION", "STATE", "ROLLOUT", "AGE", "URL"], ...rows]));
}

/** How it does: what ended its isolate goes before how its newest version came out. */
function stateOf({ newest, unresponsiveAt, held }: EdgeFunction): string {
  if (unresponsiveAt !== null) return `unresponsive ${age(unresponsiveAt)} ago`;
  return held ? `${newest.state}, held` : newest.state;
}

interface DeployFlags {
  entry?: string;
  import?: string[];
  percent?: string;
  wait: boolean;
}

export async function deploy(
  context: Context,
  name: string,
  from: string,
  flags: DeployFlags,
): Promise<void> {
  const { out } = context;
  const percent = flags.percent === undefined ? undefined : percentOf(flags.percent, 1);
  const { leftOut, ...source } = await readFunctionSource(from, flags.entry, flags.import ?? []);
  if (leftOut > 0) out.note(`Left out ${leftOut} files that a function can't import`);
  out.progress(`Bundling ${Object.keys(source.files).length} files`);
  const client = await context.client();
  const body = { name, ...source, ...(percent === undefined ? {} : { percent }) };
  const made = await client.request("POST /api/functions", { body }).finally(() => out.settle());
  if (!flags.wait) return out.result(made, made.url);
  const { deploymentId } = made;
  await waitFor(context, client, deploymentId);
  const done = await get(client, made.id);
  const { live, canary, held } = done;
  if (canary?.deploymentId === deploymentId) {
    out.note(
      `${canary.percent} % of the visitors get it; all with \`cloudify functions rollout ${name} 100\``,
    );
  } else if (held && live !== deploymentId) {
    out.note(
      `Nobody gets it: a revert holds ${live}; end that with \`cloudify functions rollout ${name} 100\``,
    );
  }
  out.result({ ...done, deploymentId }, done.url);
}

export async function inspect(context: Context, name: string): Promise<void> {
  const found = await get(await context.client(), name);
  const { newest, canary } = found;
  const rows: [string, string][] = [
    ["id", found.id],
    ["name", found.name],
    ["url", found.url],
    ["live", (found.live ?? "-") + (found.held ? " (held by a revert)" : "")],
    ["rollout", canary ? `${canary.percent} % get ${canary.deploymentId}` : "-"],
    ["newest", `${newest.deploymentId} (${newest.state}) ${newest.url}`],
    ...(newest.error
      ? ([["error", `${newest.error.code}: ${newest.error.detail} ${newest.error.fix}`]] as [
          string,
          string,
        ][])
      : []),
    ["unresponsive", found.unresponsiveAt === null ? "-" : new Date(found.unresponsiveAt).toISOString()],
    ["created", new Date(found.createdAt).toISOString()],
    ["updated", new Date(found.updatedAt).toISOString()],
  ];
  context.out.result(found, table(rows));
}

/** Of the versions that visitors get; of the newest, as long as they get none. */
export async function logs(context: Context, name: string, flags: { follow?: boolean }): Promise<void> {
  const client = await context.client();
  const { live, canary, newest } = await get(client, name);
  const served = [live, canary?.deploymentId].filter((id) => id !== undefined && id !== null);
  const versions = served.length > 0 ? served : [newest.deploymentId];
  if (flags.follow) {
    const show = async (id: string) => {
      for await (const row of client.follow(id, 0)) printRow(context, row);
    };
    await Promise.all(versions.map(show));
    return;
  }
  const rows: LogRow[] = (await Promise.all(versions.map((id) => readLog(client, id, 0)))).flat();
  for (const row of rows.sort((a, b) => a.at - b.at)) printRow(context, row);
}

export async function remove(context: Context, name: string): Promise<void> {
  await confirm(context, `Remove the function ${name} with all its versions and variables?`);
  await (await context.client()).request("DELETE /api/functions/{function}", { params: { function: name } });
  context.out.result({ removed: name }, `Removed ${name}`);
}

/** Of the version that is being rolled out, else of the newest. */
export async function rollout(context: Context, name: string, share: string): Promise<void> {
  const percent = percentOf(share, 0);
  const client = await context.client();
  const { id, canary, newest } = await get(client, name);
  const deploymentId = canary?.deploymentId ?? newest.deploymentId;
  const moved = await client.request("POST /api/projects/{project}/rollout", {
    params: { project: id },
    body: { deploymentId, percent },
  });
  context.out.result(moved, servedBy(moved));
}

export async function revert(context: Context, name: string): Promise<void> {
  const client = await context.client();
  const { id } = await get(client, name);
  const moved = await goBack(client, id);
  if (moved.held) {
    context.out.note(`It sticks: later versions wait until \`cloudify functions rollout ${name} 100\``);
  }
  context.out.result(moved, servedBy(moved));
}

const get = (client: Client, name: string): Promise<EdgeFunction> =>
  client.request("GET /api/functions/{function}", { params: { function: name } });
