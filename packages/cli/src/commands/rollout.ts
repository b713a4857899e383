/** `promote` and `rollout`: whom production's visitors get. */
import type { Client, Rollout } from "@cloudify/sdk";
import { type Context, projectOf } from "../context.ts";
import { age, table } from "../output.ts";
import { percentOf } from "../percent.ts";
import { CliProblem } from "../problem.ts";
import { type PlanFlags, planOf } from "../stages.ts";

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
  flags: PlanFlags & { percent?: string },
): Promise<void> {
  const plan = planOf(flags);
  refuseBoth(flags);
  const client = await context.client();
  const params = { deployment: idOrHost };
  if (flags.percent === undefined) {
    const moved = await client.request("POST /api/deployments/{deployment}/promote", { params, body: plan });
    return context.out.result(moved, servedBy(moved));
  }
  const percent = percentOf(flags.percent, 1);
  const { id, projectId } = await client.request("GET /api/deployments/{deployment}", { params });
  await move(context, projectId, { deploymentId: id, percent });
}

/** @throws CliProblem when a share by hand and stages are given. */
export function refuseBoth({ percent, stages, guard }: PlanFlags & { percent?: string }): void {
  if (percent === undefined || (stages === undefined && guard === undefined)) return;
  throw new CliProblem(
    "two_ways",
    "--percent is moved by hand; --stages and --guard are of a release that moves.",
    "Give --percent, or --stages.",
    2,
  );
}

/** Moves the rollout that is under way; without a share it says how far that is. */
export async function rollout(context: Context, share: string | undefined): Promise<void> {
  if (share === undefined) return status(context);
  await move(context, await projectOf(context), { percent: percentOf(share, 0) });
}

export async function status(context: Context): Promise<void> {
  const project = await projectOf(context);
  const found = await read(await context.client(), project);
  context.out.result(found, table(rowsOf(found)));
}

/** Only what was seen is advanced: of two who do it at the same time, one is refused. */
export async function advance(context: Context): Promise<void> {
  const project = await projectOf(context);
  const client = await context.client();
  const { epoch: ifEpoch } = await read(client, project);
  const moved = await client.request("POST /api/projects/{project}/rollout/advance", {
    params: { project },
    body: { ifEpoch },
  });
  context.out.result(moved, servedBy(moved));
}

export async function abort(context: Context): Promise<void> {
  const project = await projectOf(context);
  const client = await context.client();
  const moved = await client.request("POST /api/projects/{project}/rollout/abort", { params: { project } });
  context.out.result(moved, servedBy(moved));
}

/**
 * Out of the rollout that is under way, else to what was live before. Only what was seen is gone back from: of two who do
 * it at the same time, or of one and the guard, the later is refused rather than taken a version too far.
 */
export async function goBack(client: Client, project: string) {
  const { canary, epoch: ifEpoch } = await read(client, project);
  const about = { params: { project }, body: { ifEpoch } };
  return canary
    ? client.request("POST /api/projects/{project}/rollout/abort", about)
    : client.request("POST /api/projects/{project}/rollback", about);
}

const read = (client: Client, project: string): Promise<Rollout> =>
  client.request("GET /api/projects/{project}/rollout", { params: { project } });

function rowsOf({ url, live, canary, rolling, figures, verdict, last }: Rollout): [string, string][] {
  const rows: [string, string][] = [
    ["url", url],
    ["live", live ?? "-"],
    ["rollout", shareOf(canary)],
  ];
  if (rolling) {
    const { stages, stage, since, nextAt, guard } = rolling;
    const next = `${stages[stage + 1]?.percent ?? 100} %`;
    rows.push(
      ["stage", `${stage + 1} of ${stages.length}, for ${age(since)}`],
      ["next", nextAt === null ? `${next} with \`cloudify rollout advance\`` : `${next} at ${time(nextAt)}`],
      [
        "guard",
        guard
          ? `${guard.points} points more errors, of ${guard.requests} requests or more in ${guard.minutes} min`
          : "off",
      ],
    );
  }
  if (figures) {
    rows.push(
      ["errors", `${errorsOf(figures.canary)} of the release; ${errorsOf(figures.live)} of what is live`],
      ["verdict", verdict ?? "-"],
    );
  }
  if (last) {
    const seen = last.figures
      ? `: ${errorsOf(last.figures.canary)} errors; ${errorsOf(last.figures.live)} of what was live`
      : "";
    rows.push([
      "last",
      `${last.deploymentId} ${last.outcome} at ${last.percent} % by ${last.by}, ${time(last.at)}${seen}`,
    ]);
  }
  return rows;
}

const errorsOf = ({ requests, errors }: { requests: number; errors: number }): string =>
  `${errors} of ${requests}${requests === 0 ? "" : ` (${((100 * errors) / requests).toFixed(1)} %)`}`;

const time = (at: number): string => new Date(at).toISOString();

async function move(
  context: Context,
  project: string,
  body: { deploymentId?: string; percent: number },
): Promise<void> {
  const client = await context.client();
  const moved = await client.request("POST /api/projects/{project}/rollout", { params: { project }, body });
  context.out.result(moved, servedBy(moved));
}
