/** `deploy`: ship source or output, upload what is missing, create, and wait until it serves. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { Mode } from "@cloudify/builder";
import { ApiError, type Client, type Deployment, type Project } from "@cloudify/sdk";
import color from "picocolors";
import { type Context, ensureProject, link, linkOf, slugOf } from "../context.ts";
import { waitFor } from "../follow.ts";
import { type GitData, gitDataOf } from "../git.ts";
import { percentOf } from "../percent.ts";
import { CliProblem } from "../problem.ts";
import { makeShipment } from "../shipment.ts";
import { type PlanFlags, planOf } from "../stages.ts";
import { uploadMissing } from "../uploads.ts";
import { refuseBoth } from "./rollout.ts";

export interface DeployFlags extends PlanFlags {
  prod?: boolean;
  target?: string;
  branch?: string;
  percent?: string;
  prebuilt?: boolean;
  static?: boolean;
  localBuild?: boolean;
  wait: boolean;
}

export async function deploy(context: Context, folder = ".", flags: DeployFlags): Promise<void> {
  const { out } = context;
  const root = resolve(folder);
  const target = targetOf(flags);
  const mode = modeOf(flags);
  const percent = shareOf(flags);
  const plan = planOf(flags);
  const project = await findProject(context, root);
  const stop = new AbortController();
  // Beside the folder, not in it: what is deployed stays as it was.
  const scratch = await mkdtemp(join(tmpdir(), "cloudify-"));
  const client = await context.client();
  let created: Deployment | null = null;
  const onInterrupt = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new CliProblem("canceled", "Canceled.", "Deploy again when you are ready."));
    out.note("Canceling; press Ctrl-C again to leave at once");
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  try {
    const wanted = { root, output: join(scratch, "output"), mode, target, signal: stop.signal };
    const shipment = await makeShipment(context, client, project, {
      ...wanted,
      isLocalBuild: flags.localBuild === true,
    });
    const { isSource, manifest, sources, buildLog } = shipment;
    const git = await gitOf(root, flags);
    const upload = await uploadMissing(context, client, sources, {
      signal: stop.signal,
      create: () => {
        const body = {
          target,
          files: manifest,
          ...(percent === null ? {} : { percent }),
          ...plan,
          ...(git ? { git } : {}),
          ...(isSource ? { source: true } : {}),
          ...(buildLog === null ? {} : { buildLog }),
        };
        return client.request(
          "POST /api/projects/{project}/deployments",
          { params: { project: project.id }, body },
          { signal: stop.signal },
        );
      },
    });
    created = upload.created;
    const done = flags.wait
      ? await waitFor(context, client, created.id, { isBuilding: isSource, signal: stop.signal })
      : created;
    const { id, url, state, projectId, aliases } = done;
    const { uploaded, reused } = upload;
    const answer = { id, url, state, target: done.target, projectId, aliases, uploaded, reused };
    if (done.target === "production" && flags.wait) await tellShare(context, client, done, percent !== null);
    for (const alias of aliases) out.note(`${color.dim("Alias")} ${alias}`);
    out.result(answer, url);
  } catch (error) {
    if (stop.signal.aborted && created) await cancel(client, created.id);
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onInterrupt);
    await rm(scratch, { recursive: true, force: true });
  }
}

async function findProject(context: Context, root: string): Promise<Project> {
  const given = context.flags.project;
  const held = given ? null : await linkOf(context, root);
  if (held) {
    const client = await context.client();
    try {
      return await client.request("GET /api/projects/{project}", { params: { project: held.projectId } });
    } catch (error) {
      if (!(error instanceof ApiError) || error.problem.code !== "not_found") throw error;
      context.out.note(`The project ${held.name} that this folder was linked to is gone`);
    }
  }
  const name = given ?? slugOf(basename(root));
  if (name === "") {
    throw new CliProblem(
      "no_name",
      "No project name can be made of the folder's.",
      "Give --project NAME.",
      2,
    );
  }
  const project = await ensureProject(context, name);
  if (!given) await link(context, root, project);
  return project;
}

function targetOf({ prod, target, branch }: DeployFlags): string {
  if ([prod, target, branch].filter((one) => one !== undefined).length > 1) {
    throw new CliProblem(
      "two_targets",
      "--prod, --target and --branch can't stand together.",
      "Give one of them.",
      2,
    );
  }
  return prod ? "production" : (target ?? "preview");
}

/** @returns `null`: all of them, unless there are stages. */
function shareOf(flags: DeployFlags): number | null {
  const { prod, percent } = flags;
  const name = (["percent", "stages", "guard"] as const).find((one) => flags[one] !== undefined);
  if (name !== undefined && !prod) {
    const fix = "Give --prod with it; previews have no visitors to share.";
    throw new CliProblem("percent_of_preview", `--${name} is about production's visitors.`, fix, 2);
  }
  refuseBoth(flags);
  return percent === undefined ? null : percentOf(percent, 1);
}

async function gitOf(root: string, { branch }: DeployFlags): Promise<GitData | null> {
  const found = await gitDataOf(root);
  return branch === undefined ? found : { ...found, branch };
}

function modeOf({ prebuilt, static: isStatic, localBuild }: DeployFlags): Mode {
  if ([prebuilt, isStatic, localBuild].filter((one) => one === true).length > 1) {
    throw new CliProblem(
      "two_ways",
      "--prebuilt, --static and --local-build can't stand together.",
      "Give one of them.",
      2,
    );
  }
  return prebuilt ? "prebuilt" : isStatic ? "static" : "auto";
}

/**
 * A first deployment goes to everybody, and one that a rollback holds to nobody, whatever was asked for.
 *
 * @param isAsked Whether a share was given: without one there is only something to tell if not everybody gets it.
 */
async function tellShare(
  { out }: Context,
  client: Client,
  { id, projectId }: Deployment,
  isAsked: boolean,
): Promise<void> {
  const { canary, live, rolling } = await client.request("GET /api/projects/{project}/rollout", {
    params: { project: projectId },
  });
  if (canary?.deploymentId === id) {
    const more = rolling ? "see `cloudify rollout status`" : "more with `cloudify rollout PERCENT`";
    out.note(`${canary.percent} % of the visitors get it; ${more}`);
  } else if (live === id) {
    if (isAsked) out.note("Everybody gets it");
  } else out.note(`Nobody gets it yet: ${live ?? "nothing"} stays live until you promote it`);
}

async function cancel(client: Client, id: string): Promise<void> {
  await client
    .request("POST /api/deployments/{deployment}/cancel", { params: { deployment: id } })
    .catch(() => undefined);
}
