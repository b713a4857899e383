/** `regions add | set | ls | inspect | drain | token | rm | status`. */
import type { Client, Region } from "@cloudify/sdk";
import { type Context, confirm } from "../context.ts";
import { bytes, table } from "../output.ts";
import { CliProblem } from "../problem.ts";
import { manifestOf } from "../region-manifest.ts";

const WATCH_MS = 2_000;

export const DEFAULT_IMAGE = "cloudify/agent:0.1.0";

interface InstallFlags {
  image: string;
  ingress?: string;
}
interface AddFlags extends InstallFlags {
  lat: string;
  lon: string;
  weight?: string;
  shared?: boolean;
}

/** The manifest goes to standard output, for `kubectl apply -f -`; everything else to standard error. */
export async function add(context: Context, name: string, flags: AddFlags): Promise<void> {
  const body = {
    name,
    latitude: numberOf("--lat", flags.lat, -90, 90),
    longitude: numberOf("--lon", flags.lon, -180, 180),
    ...(flags.weight === undefined ? {} : { weight: numberOf("--weight", flags.weight, 0, 1_000) }),
    isShared: flags.shared === true,
  };
  const client = await context.client();
  const { token, ...region } = await client.request("POST /api/regions", { body });
  install(context, client, { token, region }, flags);
}

/** What is not given stays. */
export async function set(
  context: Context,
  name: string,
  flags: Partial<Pick<AddFlags, "lat" | "lon" | "weight" | "shared">> & { name?: string },
): Promise<void> {
  const body = {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.lat === undefined ? {} : { latitude: numberOf("--lat", flags.lat, -90, 90) }),
    ...(flags.lon === undefined ? {} : { longitude: numberOf("--lon", flags.lon, -180, 180) }),
    ...(flags.weight === undefined ? {} : { weight: numberOf("--weight", flags.weight, 0, 1_000) }),
    ...(flags.shared === undefined ? {} : { isShared: flags.shared }),
  };
  if (Object.keys(body).length === 0) {
    const fix = "Give --name, --weight, --lat, --lon, --shared or --no-shared.";
    throw new CliProblem("nothing_to_set", "Nothing is to be changed.", fix, 2);
  }
  const client = await context.client();
  const region = await client.request("PATCH /api/regions/{region}", { params: { region: name }, body });
  const { latitude, longitude, weight, isShared } = region;
  const shared = isShared ? ", shared with other teams" : "";
  context.out.result(
    region,
    `${region.name} is at ${latitude}, ${longitude} with a weight of ${weight}${shared}`,
  );
}

export async function renewToken(context: Context, name: string, flags: InstallFlags): Promise<void> {
  await confirm(context, `Make a new token for ${name}? Its agent's credential ends at once.`);
  const client = await context.client();
  const { token, ...region } = await client.request("POST /api/regions/{region}/token", {
    params: { region: name },
  });
  install(context, client, { token, region }, flags);
}

function install(
  { out }: Context,
  { api }: Client,
  { token, region }: { token: string; region: Region },
  { image, ingress }: InstallFlags,
): void {
  const manifest = manifestOf({ name: region.name, api, token, image, ingress: ingress ?? null });
  out.note(`# ${region.name} (${region.id}); the manifest holds its token, which is good for one agent`);
  out.result({ region, token, manifest }, JSON.stringify(manifest, null, 2));
}

export async function list(context: Context): Promise<void> {
  const all = await everyRegion(await context.client());
  const rows = all.map((one) => [
    one.name,
    one.status,
    `${one.latitude}, ${one.longitude}`,
    String(one.weight),
    one.isShared ? "yes" : "no",
    one.ingress ?? "-",
  ]);
  context.out.result(all, table([["REGION", "STATUS", "PLACE", "WEIGHT", "SHARED", "INGRESS"], ...rows]));
}

export async function inspect(context: Context, name: string): Promise<void> {
  const client = await context.client();
  const found = await client.request("GET /api/regions/{region}", { params: { region: name } });
  const { lease, agent, token, capacity, load } = found;
  const rows = [
    ["id", found.id],
    ["name", found.name],
    ["status", found.status],
    ["lease", lease ? `${lease.holder}, epoch ${lease.epoch}, until ${time(lease.expiresAt)}` : "-"],
    ["agent", agent ? `${agent.version}, ${agent.driver}, process ${agent.pid} (${agent.bootId})` : "-"],
    ["does", found.capabilities.join(", ") || "-"],
    [
      "capacity",
      capacity ? `${capacity.cpu} cores, ${bytes(capacity.memoryBytes)}, ${capacity.builds} builds` : "-",
    ],
    ["load", load ? loadOf(found) : "-"],
    ["lag", found.lagCursors === null ? "-" : `${found.lagCursors} changes`],
    ["clock", found.skewMs === null ? "-" : `${found.skewMs} ms off`],
    ["place", `${found.latitude}, ${found.longitude}; weight ${found.weight}`],
    ["shared", found.isShared ? "yes" : "no"],
    ["ingress", found.ingress === null ? "-" : `${found.ingress}; ${reachedOf(found)}`],
    ...(found.reached?.detail ? [["", found.reached.detail]] : []),
    ["token", token === null ? "-" : token.isSpent ? `exchanged by ${token.by}` : "waits for its agent"],
    ["created", time(found.createdAt)],
  ];
  const workloads = found.workloads.map((one) => [
    one.id,
    one.ready,
    one.reason,
    String(one.restarts),
    one.detail.split("\n")[0] ?? "",
  ]);
  const tasks = found.tasks.map((one) => [one.id, one.state, String(one.attempt)]);
  const parts = [
    table(rows),
    ...(workloads.length === 0
      ? []
      : [table([["WORKLOAD", "READY", "REASON", "RESTARTS", "DETAIL"], ...workloads])]),
    ...(tasks.length === 0 ? [] : [table([["TASK", "STATE", "ATTEMPT"], ...tasks])]),
  ];
  context.out.result(found, parts.join("\n\n"));
}

export async function drain(context: Context, name: string, flags: { undo?: boolean }): Promise<void> {
  const client = await context.client();
  const isDraining = flags.undo !== true;
  const region = await client.request("POST /api/regions/{region}/drain", {
    params: { region: name },
    body: { isDraining },
  });
  if (region.isDraining !== isDraining) {
    throw new CliProblem(
      isDraining ? "not_draining" : "still_draining",
      isDraining
        ? `${region.name} does not drain.`
        : `${region.name} still drains: its agent is about to end.`,
      isDraining
        ? "Try again; `cloudify regions status` shows what it does."
        : "It takes work again when its agent has been started anew.",
    );
  }
  const text = isDraining
    ? `${region.name} takes no new work, and visitors as long as no other region can; undo with \`cloudify regions drain ${region.name} --undo\``
    : `${region.name} takes work and visitors again`;
  context.out.result(region, text);
}

export async function remove(context: Context, name: string, flags: { force?: boolean }): Promise<void> {
  await confirm(context, `Remove the region ${name}? Its agent's credential ends at once.`);
  await (await context.client()).request("DELETE /api/regions/{region}", {
    params: { region: name },
    query: { force: flags.force ? "1" : "0" },
  });
  context.out.result(
    { removed: name },
    `Removed ${name}; what runs in its cluster goes with \`kubectl delete namespace cloudify-${name}\``,
  );
}

/** With `--watch` again and again, until it is interrupted; with `--json` one document a look. */
export async function status(context: Context, flags: { watch?: boolean }): Promise<void> {
  const client = await context.client();
  for (;;) {
    const all = await everyRegion(client);
    const rows = all.map((one) => [
      one.name,
      one.status,
      one.lease ? `${one.lease.holder}/${one.lease.epoch}` : "-",
      one.agent ? String(one.agent.pid) : "-",
      one.load ? loadOf(one) : "-",
      one.lagCursors === null ? "-" : String(one.lagCursors),
      one.skewMs === null ? "-" : `${one.skewMs} ms`,
      reachedOf(one),
      one.deployments.map(({ id, ready }) => (ready === "true" ? id : `${id} (${ready})`)).join(" ") || "-",
    ]);
    const head = ["REGION", "STATUS", "LEASE/EPOCH", "PID", "LOAD", "LAG", "SKEW", "INGRESS", "RUNS"];
    const isLive = flags.watch === true && !context.out.json && process.stdout.isTTY === true;
    if (isLive) process.stdout.write("\u001b[2J\u001b[H");
    context.out.result(all, table([head, ...rows]));
    if (flags.watch !== true) return;
    await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  }
}

async function everyRegion(client: Client): Promise<Region[]> {
  const all: Region[] = [];
  for await (const one of client.pages((cursor) =>
    client.request("GET /api/regions", { query: { limit: 100, ...(cursor ? { cursor } : {}) } }),
  )) {
    all.push(one);
  }
  return all;
}

const loadOf = ({ load }: Region): string =>
  load
    ? `${Math.round(load.cpu * 100)} % cpu, ${bytes(load.memoryBytes)}, ${load.workloads} workloads, ${load.builds} builds`
    : "-";

/** Why it is not reached is told by `inspect`. */
const reachedOf = ({ reached }: Pick<Region, "reached">): string =>
  reached === null ? "-" : reached.isReachable ? `answers in ${reached.ms} ms` : "not reached";

const time = (at: number): string => new Date(at).toISOString();

function numberOf(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value <= most) return value;
  throw new CliProblem(
    "invalid_option",
    `${option} ${JSON.stringify(text)} is no number from ${least} to ${most}.`,
    `Give a number, as ${option} ${option === "--weight" ? "100" : "50.1"}.`,
    2,
  );
}
