/** One attempt at compiling a deployment: claim, compile, report. The object decides what a report is worth. */
import type { Base } from "#core/ctx.ts";
import { SECOND } from "#core/time.ts";
import { forgetBlob } from "#features/blobs/service.ts";
import { secretValues, thaw } from "#features/env-vars/thaw.ts";
import { type Mask, maskFor } from "#features/logs/mask.ts";
import type { Level, Line } from "#features/logs/policy.ts";
import { compile, type Facts } from "#features/sites/compile.ts";
import { LostBlob } from "#features/sites/lost.ts";
import type { Shares } from "#features/sites/shares.ts";
import { blobKey } from "#features/sites/site.ts";
import { parseBuildLog } from "./build-log.ts";
import type { Failure } from "./failures.ts";
import { placesOf } from "./placement.ts";
import type { CompileTask } from "./rpc.ts";
import type { Spec } from "./state.ts";

const HEARTBEAT_MS = 10 * SECOND;
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const LOG_PAGE = 1_000;
const MAX_WARNINGS = 50;

/** Never throws: what goes wrong here is reported, or lapses and is tried again. */
export async function runCompile(base: Base, task: CompileTask, memory: Shares): Promise<void> {
  const stub = base.objects.deployments.get(base.objects.deployments.idFromName(task.deployment));
  const claimed = await stub.send({ type: "claim", attempt: task.attempt }, null);
  if (!claimed.ok) return;
  const { state } = claimed;
  if (state.status !== "compiling") return;
  const { spec, manifest } = state;
  const say = writerOf(base, spec, task.attempt);
  let beatAt = base.clock.now();
  const alive = async (): Promise<void> => {
    if (base.clock.now() - beatAt < HEARTBEAT_MS) return;
    beatAt = base.clock.now();
    const sent = await stub.send({ type: "heartbeat", attempt: task.attempt }, null);
    if (!sent.ok) throw new Error("this attempt was given up");
  };
  const fail = async (failure: Failure, retryable: boolean): Promise<void> => {
    await stub.send({ type: "failed", attempt: task.attempt, failure, retryable }, null);
  };
  // What is said of an output names its files and routes, and a build may have named them by anything.
  const mask = async (): Promise<Mask> => {
    const of = { team: spec.team, digest: spec.env };
    return maskFor(secretValues(await thaw(base.blobs, base.edgeKeys, of)));
  };
  try {
    const startedAt = base.clock.now();
    if (spec.buildLog !== null) await copyBuildLog(base, spec, spec.buildLog, say);
    const compiled = await compile(base, spec.team, manifest, {
      alive,
      memory,
      places: await placesOf(base, spec),
    });
    if (!compiled.ok) {
      const { failure } = compiled;
      return await fail({ ...failure, detail: (await mask()).mask(failure.detail) }, false);
    }
    if (compiled.warnings.length > 0) {
      const masked = await mask();
      await say(
        "warn",
        shortened(compiled.warnings).map((text) => masked.mask(text)),
      );
    }
    await say("info", [summary(compiled.facts, base.clock.now() - startedAt)]);
    await stub.send(
      {
        type: "compiled",
        attempt: task.attempt,
        site: compiled.site,
        hasFunctions: compiled.facts.functions > 0,
        workloads: compiled.workloads,
        pinned: compiled.pinned,
      },
      null,
    );
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    console.error(JSON.stringify({ level: "error", at: "compile", ...task, error: text }));
    if (error instanceof LostBlob) await forgetBlob(base, spec.team, error.digest);
    await fail(error instanceof LostBlob ? LOST : OURS, !(error instanceof LostBlob)).catch(() => undefined);
  }
}

const LOST: Failure = {
  code: "lost_file",
  detail: "The platform no longer has the bytes of one of the deployment's files.",
  fix: "Deploy again: the file will be asked for, and uploaded again.",
};
const OURS: Failure = {
  code: "internal",
  detail: "The platform could not compile the output, after several attempts.",
  fix: "Deploy again; if it happens again, look at the platform's own log.",
};

function shortened(warnings: readonly string[]): string[] {
  const more = warnings.length - MAX_WARNINGS;
  return more > 0 ? [...warnings.slice(0, MAX_WARNINGS), `and ${more} more warnings`] : [...warnings];
}

function summary({ files, bytes, routes, functions, encoded }: Facts, duration: number): string {
  const compressed = encoded === 0 ? "" : `, compressed ${encoded}`;
  const run = functions === 0 ? "" : `, ${functions} functions`;
  return `compiled ${files} files of ${bytes} bytes and ${routes} routes${run}${compressed}, in ${duration} ms`;
}

type Say = (level: Level, texts: readonly string[]) => Promise<void>;

/** Numbers its lines by attempt, so that a second attempt's stand beside the first's. */
function writerOf(base: Base, spec: Spec, attempt: number): Say {
  let n = attempt * 1_000_000;
  return async (level, texts) => {
    if (texts.length === 0) return;
    const at = base.clock.now();
    const lines = texts.map((text): Line => ({ stream: "system", n: n++, at, level, text }));
    await base.objects.logs.get(base.objects.logs.idFromName(spec.id)).append(lines);
  };
}

async function copyBuildLog(base: Base, spec: Spec, digest: string, say: Say): Promise<void> {
  const object = await base.blobs.get(blobKey(spec.team, digest));
  if (!object || object.size > MAX_LOG_BYTES) {
    return say("warn", [`the build's log is not kept: it is missing, or over ${MAX_LOG_BYTES} bytes`]);
  }
  const { lines, bad } = parseBuildLog(await object.text(), spec.createdAt);
  if (bad > 0) await say("warn", [`${bad} lines of the build's log can't be read`]);
  const log = base.objects.logs.get(base.objects.logs.idFromName(spec.id));
  for (let at = 0; at < lines.length; at += LOG_PAGE) await log.append(lines.slice(at, at + LOG_PAGE));
}
