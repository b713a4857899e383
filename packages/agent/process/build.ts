/**
 * A build as a child of the agent: with limits, with an environment of its own, and ended whole. What the build does is
 * packages/agent/build's.
 */
import { mkdir, mkdtemp, realpath, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildEnd, BuildJob } from "../driver.ts";
import { type Child, startChild } from "./child.ts";
import { BUILD_FD, type BuildConfig, type BuildMessage, type BuildVariables } from "./contract.ts";
import { baseEnvironment } from "./environment.ts";
import { Kin } from "./kin.ts";
import { MESSAGE_BYTES, PLAIN_BYTES, readLines } from "./lines.ts";
import { redaction } from "./redact.ts";
import { memoryOf } from "./usage.ts";

export interface BuildOptions {
  /** Folder for what builds write beside their source and output. */
  folder: string;
  node: string;
  /** Path of the build program. */
  program: string;
  memoryBytes: number;
}

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000;
/** The build ends itself at its limit, and says so; this is for one that does not. */
const LIMIT_GRACE_MS = 5_000;
const TICK_MS = 1_000;
const MIN_FREE_BYTES = 200 * 1_024 * 1_024;
/** Text of the log that is handed on; a build that says more goes on unheard. */
const MAX_LOG_BYTES = 32 * 1_024 * 1_024;

export async function runBuild(options: BuildOptions, job: BuildJob, signal: AbortSignal): Promise<BuildEnd> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(options.folder, "build-"));
  try {
    for (const name of ["home", "tmp"]) await mkdir(join(folder, name), { mode: 0o700 });
    for (const path of [job.output, job.cache]) await mkdir(path, { recursive: true });
    const { settings, target, branch, url, limitMs } = job.task;
    const { source, output, cache } = job;
    const envFile = join(folder, "variables.json");
    const config: BuildConfig = { source, output, cache, settings, target, branch, url, limitMs, envFile };
    const variables: BuildVariables = { env: job.env, secrets: job.secrets, sensitive: job.sensitive };
    await writeFile(envFile, JSON.stringify(variables), { mode: 0o600 });
    await writeFile(join(folder, "build.json"), JSON.stringify(config), { mode: 0o600 });
    if (signal.aborted) return CANCELED;
    const child = await startChild({
      command: options.node,
      args: [options.program, join(folder, "build.json")],
      cwd: job.source,
      env: { ...npmSettings(), ...baseEnvironment(process.env, options.node, folder) },
      pipes: [BUILD_FD],
      own: await realpath(job.source),
    });
    return await watched(child, options, job, signal);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 });
  }
}

/** Where this machine gets its packages from. */
const npmSettings = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && /^npm_config_/i.test(name) ? [[name, value]] : [],
    ),
  );

async function watched(
  child: Child,
  { memoryBytes, folder }: BuildOptions,
  job: BuildJob,
  signal: AbortSignal,
): Promise<BuildEnd> {
  const heard = hear(child, job);
  let cut: BuildEnd | null = null;
  const end = (how: BuildEnd, graceMs = GRACE_MS) => {
    if (cut !== null) return;
    cut = how;
    void child.stop(graceMs);
  };
  const onAbort = () => end(CANCELED);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const late = setTimeout(() => end(tooLong(job.task.limitMs)), job.task.limitMs + LIMIT_GRACE_MS);
  const kin = new Kin();
  const ticks = setInterval(() => {
    const members = kin.look([child.family]).get(child.family) ?? [];
    // It would take more while it is given time to end.
    if (memoryOf(members) > memoryBytes) end(tooMuchMemory(memoryBytes), 0);
    void statfs(folder).then(
      ({ bavail, bsize }) => bavail * bsize < MIN_FREE_BYTES && end(DISK_FULL),
      () => undefined,
    );
  }, TICK_MS);
  const { code, signal: by } = await child.ended;
  clearTimeout(late);
  clearInterval(ticks);
  signal.removeEventListener("abort", onAbort);
  return cut ?? heard.end() ?? ended(code, by);
}

/** Hands on what the build says. */
function hear(child: Child, { onLine, env, secrets }: BuildJob): { end(): BuildEnd | null } {
  const redact = redaction(env, secrets);
  let end: BuildEnd | null = null;
  let bytes = 0;
  const say = (level: "info" | "warn" | "error", text: string) => {
    const isHeard = bytes <= MAX_LOG_BYTES;
    bytes += text.length + 1;
    if (bytes <= MAX_LOG_BYTES) onLine(level, text);
    else if (isHeard) onLine("warn", "The build's log is longer than 32 MiB: the rest of it is left out.");
  };
  // Commands' lines come by the pipe, with nothing to hide; this is what the build program says when it breaks.
  const plain = () => redact.before(readLines(PLAIN_BYTES, (text) => say("info", text)));
  const readers = [
    { stream: child.stdout, reader: plain(), isBounded: true },
    { stream: child.stderr, reader: plain(), isBounded: true },
    {
      stream: child.pipe(BUILD_FD),
      isBounded: false,
      reader: readLines(MESSAGE_BYTES, (text) => {
        const message = parsed(text);
        if (message === null) return;
        if ("end" in message) end = message.end;
        else say(message.level, message.text);
      }),
    },
  ];
  for (const { stream, reader, isBounded } of readers) {
    // What nobody will read is not looked at.
    stream.on("data", (chunk: Buffer) =>
      isBounded && bytes > MAX_LOG_BYTES ? undefined : reader.write(chunk),
    );
    stream.once("close", () => reader.end());
  }
  return { end: () => end };
}

function parsed(text: string): BuildMessage | null {
  try {
    const message = JSON.parse(text) as Partial<Record<"level" | "text" | "end", unknown>>;
    if (typeof message.end === "object" || typeof message.text === "string") return message as BuildMessage;
  } catch {
    // The project's own code can write to the pipe too.
  }
  return null;
}

const failed = (code: string, detail: string, fix: string, isRetryable = false): BuildEnd => ({
  ok: false,
  code,
  detail,
  fix,
  isRetryable,
});

const CANCELED = failed("canceled", "The build was canceled.", "Deploy again.");

const DISK_FULL = failed(
  "build_disk_full",
  "The build has filled the disk of the machine that it ran on.",
  "Write less, or give the region's agent a larger disk.",
);

const tooLong = (limitMs: number): BuildEnd =>
  failed(
    "build_timeout",
    `The build took longer than ${Math.round(limitMs / 60_000)} minutes, and was ended.`,
    "Look in its log for what takes so long.",
  );

const tooMuchMemory = (memoryBytes: number): BuildEnd =>
  failed(
    "build_out_of_memory",
    `The build held more than ${Math.round(memoryBytes / 1_024 / 1_024)} MiB, and was ended.`,
    "Build less at once, or set CLOUDIFY_AGENT_BUILD_MEMORY of the region's agent, in MiB.",
  );

const ended = (code: number | null, signal: NodeJS.Signals | null): BuildEnd =>
  failed(
    "build_failed",
    `The build ended ${signal === null ? `with code ${code}` : `by ${signal}`} without saying how.`,
    "Look in its log; deploy again if nothing there is wrong.",
    true,
  );
