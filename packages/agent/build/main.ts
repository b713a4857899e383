/** The build program: `node main.ts <config.json>`. Started by the agent's driver; see packages/agent/process/contract.ts. */
import { createWriteStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, sep } from "node:path";
import type { BuildEnd } from "../driver.ts";
import { BUILD_FD, type BuildConfig, type BuildVariables, MARK } from "../process/contract.ts";
import { build } from "./build.ts";
import { endOf } from "./fault.ts";
import { DISK_BYTES, PROCESSES, Watch } from "./limits.ts";
import { BuildLog } from "./log.ts";

/** The driver ends it at the limit; said a little before, it is said in our own words. */
const HEAD_START_MS = 5_000;
/** Of a short limit, no more than this. */
const HEAD_START_SHARE = 0.05;

const CANCELED: BuildEnd = {
  ok: false,
  code: "canceled",
  detail: "The build was canceled.",
  fix: "Deploy again when you are ready.",
  isRetryable: false,
};

const [, , path = ""] = process.argv;
const config = JSON.parse(await readFile(path, "utf8")) as BuildConfig;
const variables = JSON.parse(await readFile(config.envFile, "utf8")) as BuildVariables;
await rm(config.envFile);

const lines = createWriteStream("", { fd: BUILD_FD });
const secrets = variables.secrets.flatMap((name) => variables.env[name] ?? []);
const log = new BuildLog(secrets, (line) => void lines.write(line));

const canceled = new AbortController();
for (const how of ["SIGTERM", "SIGINT"] as const)
  process.once(how, () => canceled.abort(new Error("canceled")));
const timeMs = config.limitMs - Math.min(HEAD_START_MS, config.limitMs * HEAD_START_SHARE);
const limits = { timeMs, diskBytes: DISK_BYTES, processes: PROCESSES };
/** The job's own: what the driver gave it for `HOME` and `TMPDIR` lies beside the source. */
const written = [config.source, config.output, process.env.HOME ?? "", process.env.TMPDIR ?? ""].filter(
  (folder) => folder.startsWith(dirname(config.source) + sep),
);
const mark = process.env[MARK] ?? null;
const watch = new Watch(limits, [...new Set([config.source, ...written])], mark, canceled.signal);

const end: BuildEnd = await build({ config, variables, log, watch }).then(
  () => ({ ok: true }),
  (error: unknown) => (canceled.signal.aborted ? CANCELED : endOf(error)),
);
watch.close();
log.end(end);
lines.end(() => process.exit(end.ok ? 0 : 1));
