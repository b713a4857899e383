/** Builds as Jobs: the pod fetches its source from the agent, and leaves its output there. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { beginningOf } from "../build/cache.ts";
import type { BuildEnd, BuildJob } from "../driver.ts";
import { BUILD_GRACE_SECONDS, belongingsOf, buildName, jobOf } from "./build-objects.ts";
import type { Answer, Bundles } from "./bundle.ts";
import { type Kube, KubeError } from "./client.ts";
import type { Served } from "./kinds.ts";
import { LABEL } from "./names.ts";
import { followLog } from "./pod-logs.ts";
import type { KubernetesSettings } from "./settings.ts";
import { packFolder, unpack } from "./tar.ts";
import type { Job, Pod } from "./types.ts";

const OUTPUT_LIMITS = { files: 200_000, bytes: 6 * 1024 ** 3 };
/** What `POST /end` may say. */
const END_BYTES = 64 * 1024;
/** For the last lines, once a build has ended. */
const LAST_LINES_MS = 3_000;

export interface Surroundings {
  kube: Kube;
  served: Served;
  settings: KubernetesSettings;
  bundles: Bundles;
  /** Job and pods of a build, as they were last seen. */
  seen(name: string): { job: Job | null; pods: readonly Pod[] };
  /** Calls when they change. @returns How to stop it. */
  onChange(name: string, listener: () => void): () => void;
}

export async function runBuild(job: BuildJob, around: Surroundings, signal: AbortSignal): Promise<BuildEnd> {
  const { kube, served, settings, bundles } = around;
  const name = buildName(job);
  const token = randomBytes(32).toString("base64url");
  const over = new AbortController();
  const { promise: said, resolve: say } = Promise.withResolvers<BuildEnd>();
  bundles.offer("build", name, token, answersFor(job, say));
  let lines: Promise<void> | null = null;
  const look = (): void => {
    const { job: seen, pods } = around.seen(name);
    const [pod] = pods;
    if (pod && hasBegun(pod)) lines ??= follow(job, around, pod, over.signal);
    const end = seen && endOf(seen, pods);
    if (end) say(end);
  };
  const unlisten = around.onChange(name, look);
  const isOver = once(signal, "abort").then(() => CANCELED);
  try {
    signal.throwIfAborted();
    const made = await kube.create(served.path("jobs"), jobOf(job, settings, served));
    const { secret, policy } = belongingsOf(job, made, token, settings, served);
    // The policy first: without the Secret nothing runs yet.
    await kube.create(served.path("networkpolicies"), policy);
    await kube.create(served.path("secrets"), secret);
    look();
    const end = await Promise.race([said, isOver]);
    if (!signal.aborted) await Promise.race([lines, pause(LAST_LINES_MS), isOver]);
    return end;
  } catch (error) {
    if (signal.aborted) return CANCELED;
    return failed("build_not_started", (error as Error).message, "Try again.", true);
  } finally {
    over.abort();
    unlisten();
    bundles.withdraw("build", name);
    await removeBuild(around, name).catch((error: Error) =>
      job.onLine("warn", `${name} remains: ${error.message}`),
    );
  }
}

const failed = (code: string, detail: string, fix: string, isRetryable: boolean): BuildEnd => ({
  ok: false,
  code,
  detail,
  fix,
  isRetryable,
});
const CANCELED = failed("canceled", "The build was ended.", "Deploy again.", false);

function answersFor(job: BuildJob, say: (end: BuildEnd) => void): Record<string, Answer> {
  const send =
    (folder: string): Answer =>
    async (req, res) => {
      req.resume();
      res.writeHead(200, { "content-type": "application/x-tar" });
      await pipeline(packFolder(folder), res);
    };
  const take =
    (folder: string): Answer =>
    async (req, res) => {
      // Whole or not at all: what was there is kept until all of it has come.
      const next = `${folder}.next`;
      await rm(next, { recursive: true, force: true });
      await mkdir(next, { recursive: true });
      await unpack(req, next, OUTPUT_LIMITS);
      await rm(folder, { recursive: true, force: true });
      await rename(next, folder);
      res.writeHead(204).end();
    };
  return {
    "GET /source": send(job.source),
    "GET /cache": async (req, res) => send(await beginningOf(job.cache))(req, res),
    "PUT /output": take(job.output),
    "PUT /cache": take(job.cache),
    "POST /end": async (req, res) => {
      let text = "";
      for await (const chunk of req) {
        text += chunk;
        if (text.length > END_BYTES) throw new Error("too long an end");
      }
      const end = JSON.parse(text) as BuildEnd;
      res.writeHead(204).end();
      await once(res, "close");
      say(end);
    },
  };
}

function follow(
  job: BuildJob,
  { kube, served, seen }: Surroundings,
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  const { name, uid } = pod.metadata;
  return followLog(kube, {
    pod: served.path("pods", name),
    container: "build",
    since: null,
    signal,
    goesOn: () => seen(buildName(job)).pods.some((one) => one.metadata.uid === uid && !hasEnded(one)),
    onLine: ({ level, text }) => job.onLine(level === "debug" ? "info" : level, text),
  });
}

const hasBegun = ({ status }: Pod): boolean =>
  status?.containerStatuses?.some(({ state }) => state?.running || state?.terminated) ?? false;
const hasEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/** What the Job says when its program could not: it tells of all other ends by itself. */
function endOf(job: Job, pods: readonly Pod[]): BuildEnd | null {
  const has = (type: string) =>
    job.status?.conditions?.find((one) => one.type === type && one.status === "True");
  if (has("Complete")) return failed("build_failed", "The build ended without a result.", "Try again.", true);
  const failure = has("Failed");
  if (!failure) return null;
  if (failure.reason === "DeadlineExceeded") {
    return failed(
      "build_timeout",
      "The build took longer than it may.",
      "Make it shorter, or raise the limit.",
      false,
    );
  }
  const [pod] = pods;
  const ended = pod?.status?.containerStatuses?.[0]?.state?.terminated;
  if (ended?.reason === "OOMKilled") {
    return failed(
      "build_out_of_memory",
      "The build took more memory than it may.",
      "Let it use less.",
      false,
    );
  }
  const detail = ended
    ? `The build ended with ${ended.exitCode}. ${ended.message ?? ""}`
    : (failure.message ?? "");
  return failed("build_failed", detail.trim(), "Look at the end of the log.", !ended);
}

/** The pod by hand, for the collector that follows the Job takes its time. */
async function removeBuild({ kube, served }: Surroundings, name: string): Promise<void> {
  const job = await kube.get(served.path("jobs", name));
  if (job) await gone(kube.remove(served.path("jobs", name), versionless(job)));
  const { items } = await kube.list<Pod>(served.path("pods"), { labelSelector: `${LABEL.workload}=${name}` });
  for (const pod of items)
    await gone(kube.remove(served.path("pods", pod.metadata.name), versionless(pod), BUILD_GRACE_SECONDS));
}

/** Whatever has changed on it meanwhile: it is this one that goes. */
const versionless = ({ metadata }: Job | Pod): { uid: string } => ({ uid: metadata.uid ?? "" });

async function gone(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!(error instanceof KubeError && (error.code === 404 || error.code === 409))) throw error;
  }
}
