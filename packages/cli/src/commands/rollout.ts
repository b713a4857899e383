/** `promote` and `rollout`: whom production's visitors get. */
import { type Context, projectOf } from "../context.ts";
import { table } from "../output.ts";
import { percentOf } from "../percent.ts";

interface Canary {
  deploymentId: string;
  percent: number;
}

export const shareOf = (canary: Canary | null): string =>
  canary ? `${canary.percent} % get ${canary.deploymentId}` : "-";

export const servedBy = ({
  url,
  live,
  canary,
}: {
  url: string;
  live: string | null;
  canary: Canary | null;
}) => `${url} serves ${live}${canary ? `; ${shareOf(canary)}` : ""}`;

export async function promote(
  context: Context,
  idOrHost: string,
  flags: { percent?: string },
): Promise<void> {
  const client = await context.client();
  const params = { deployment: idOrHost };
  if (flags.percent === undefined) {
    const moved = await client.request("POST /api/deployments/{deployment}/promote", { params });
    return context.out.result(moved, servedBy(moved));
  }
  const percent = percentOf(flags.percent, 1);
  const { id, projectId } = await client.request("GET /api/deployments/{deployment}", { params });
  await move(context, projectId, { deploymentId: id, percent });
}

/** Moves the rollout that is under way; without a share it says how far that is. */
export async function rollout(context: Context, share: string | undefined): Promise<void> {
  if (share !== undefined) {
    const percent = percentOf(share, 0);
    return move(context, await projectOf(context), { percent });
  }
  const project = await projectOf(context);
  const client = await context.client();
  const { id, url, live, canary } = await client.request("GET /api/projects/{project}", {
    params: { project },
  });
  const rows = [
    ["url", url],
    ["live", live?.deploymentId ?? "-"],
    ["rollout", shareOf(canary)],
  ];
  context.out.result({ projectId: id, url, live: live?.deploymentId ?? null, canary }, table(rows));
}

async function move(
  context: Context,
  project: string,
  body: { deploymentId?: string; percent: number },
): Promise<void> {
  const client = await context.client();
  const moved = await client.request("POST /api/projects/{project}/rollout", { params: { project }, body });
  context.out.result(moved, servedBy(moved));
}
