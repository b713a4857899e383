/** One attempt at compiling a deployment: claim, compile, report. The object decides what a report is worth. */
import type { Base } from "#core/ctx.ts";
import { type Millis, SECOND } from "#core/time.ts";
import type { Level, Line } from "#features/logs/policy.ts";
import { compile } from "#features/sites/compile.ts";
import { blobKey } from "#features/sites/site.ts";
import type { Failure, Spec } from "./machine.ts";
import type { CompileTask } from "./rpc.ts";

const HEARTBEAT_MS = 10 * SECOND;
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const LOG_PAGE = 1_000;

/** Never throws: what goes wrong here is reported, or lapses and is tried again. */
export async function runCompile(base: Base, task: CompileTask): Promise<void> {
  const stub = base.objects.deployments.get(base.objects.deployments.idFromName(task.deployment));
  const claimed = await stub.send({ type: "claim", attempt: task.attempt }, null);
  if (!claimed.ok) return;
  const { spec } = claimed.state;
  const say = lineWriter(base, spec, task.attempt);
  let beatAt = base.clock.now();
  const alive = async (): Promise<void> => {
    if (base.clock.now() - beatAt < HEARTBEAT_MS) return;
    beatAt = base.clock.now();
    const sent = await stub.send({ type: "heartbeat", attempt: task.attempt }, null);
    if (!sent.ok) throw new Error("this attempt was given up");
  };
  try {
    const startedAt = base.clock.now();
    if (spec.buildLog !== null) await copyBuildLog(base, spec, spec.buildLog, say);
    const compiled = await compile(base, spec.team, spec.manifest, alive);
    if (!compiled.ok) return void (await fail(compiled.failure, false));
    for (const warning of compiled.warnings) await say("warn", warning);
    const duration = base.clock.now() - startedAt;
    await say("info", `compiled ${compiled.files} files and ${compiled.routes} routes in ${duration} ms`);
    await stub.send({ type: "compiled", attempt: task.attempt, site: compiled.site }, null);
  } catch (error) {
    console.error(JSON.stringify({ level: "error", at: "compile", ...task, error: String(error) }));
    await fail(OURS, true).catch(() => undefined);
  }

  async function fail(failure: Failure, retryable: boolean): Promise<void> {
    await stub.send({ type: "failed", attempt: task.attempt, failure, retryable }, null);
  }
}

const OURS: Failure = {
  code: "internal",
  detail: "The platform could not compile the output, after several attempts.",
  fix: "Deploy again; if it happens again, look at the platform's own log.",
};

type Say = (level: Level, text: string) => Promise<void>;

function lineWriter(base: Base, spec: Spec, attempt: number): Say {
  let n = 0;
  return async (level, text) => {
    const line: Line = { stream: "system", n: attempt * 1_000_000 + n++, at: base.clock.now(), level, text };
    await base.objects.logs.get(base.objects.logs.idFromName(spec.id)).append([line]);
  };
}

/** The log of a build on the user's machine came as a blob: NDJSON of `{ at, stream, text }`. */
async function copyBuildLog(base: Base, spec: Spec, digest: string, say: Say): Promise<void> {
  const object = await base.blobs.get(blobKey(spec.team, digest));
  if (!object || object.size > MAX_LOG_BYTES)
    return say("warn", "the build's log is missing or too large to be kept");
  const raw = (await object.text()).split("\n").filter((line) => line !== "");
  const lines = raw.map((line, n) => parseLine(line, n, spec.createdAt)).filter((line) => line !== null);
  if (lines.length < raw.length)
    await say("warn", `${raw.length - lines.length} lines of the build's log can't be read`);
  const log = base.objects.logs.get(base.objects.logs.idFromName(spec.id));
  for (let at = 0; at < lines.length; at += LOG_PAGE) await log.append(lines.slice(at, at + LOG_PAGE));
}

function parseLine(text: string, n: number, otherwise: Millis): Line | null {
  try {
    const line = JSON.parse(text) as { at?: unknown; stream?: unknown; text?: unknown };
    if (typeof line.text !== "string") return null;
    const at = typeof line.at === "number" && Number.isFinite(line.at) ? line.at : otherwise;
    return { stream: "build", n, at, level: line.stream === "stderr" ? "warn" : "info", text: line.text };
  } catch {
    return null;
  }
}
