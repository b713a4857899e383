/** A deployment's log as the CLI shows it: while one waits for the end, and when somebody reads it. */
import { ApiError, type Client, type Deployment, type LogRow } from "@cloudify/sdk";
import color from "picocolors";
import type { Context } from "./context.ts";

/** Follows the log until the deployment has ended. @param isBuilding Whether its build is under way elsewhere. @throws ApiError Why it failed. */
export async function waitFor(
  context: Context,
  client: Client,
  id: string,
  { isBuilding = false, signal }: { isBuilding?: boolean; signal?: AbortSignal } = {},
): Promise<Deployment> {
  for await (const row of client.follow(id, 0, signal, "ended")) {
    // What was built here was seen here.
    if (row.stream !== "build") context.out.note(`${color.dim(row.stream)} ${row.text}`);
    else if (isBuilding) context.out.note(coloured(row));
  }
  const done = await client.request(
    "GET /api/deployments/{deployment}",
    { params: { deployment: id } },
    signal ? { signal } : {},
  );
  if (done.state === "ready") return done;
  throw new ApiError({
    code: done.error?.code ?? "internal",
    title: "The deployment failed",
    status: 422,
    detail: done.error?.detail ?? `The deployment ended as ${done.state}.`,
    fix: done.error?.fix ?? "Look at its log with `cloudify logs`.",
    deployment: id,
  });
}

/** What has been written so far. */
export async function readLog(client: Client, deployment: string, after: number): Promise<LogRow[]> {
  const path = `/api/deployments/${encodeURIComponent(deployment)}/events?after=${after}`;
  const text = String(await client.call("GET", path));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LogRow);
}

/** A line of NDJSON, or one for people. */
export function printRow({ out }: Context, row: LogRow): void {
  if (out.json) return void process.stdout.write(`${JSON.stringify(row)}\n`);
  const at = new Date(row.at).toISOString().slice(11, 23);
  process.stdout.write(`${color.dim(at)} ${color.dim(row.stream.padEnd(6))} ${coloured(row)}\n`);
}

const coloured = ({ level, text }: LogRow): string =>
  level === "error" ? color.red(text) : level === "warn" ? color.yellow(text) : text;
