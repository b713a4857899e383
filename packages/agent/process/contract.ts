/**
 * What the process driver says to the two programs that it starts, and what it hears from them: the function runtime
 * (packages/agent/runtime/main.ts) and the build (packages/agent/build/main.ts). Both are `node <program> <config.json>`.
 */
import type { BuildSettings, WorkloadSpec } from "@cloudify/protocol";
import type { BuildEnd } from "../driver.ts";

/** The one argument of the runtime: a JSON file with this. */
export interface RuntimeConfig {
  spec: WorkloadSpec;
  /** The workload's folder, laid out by `spec.files`. Read-only to functions by agreement, not by force. */
  root: string;
  region: string;
  deployment: string;
  /** Address to listen at; the port is `PORT` of the environment, 0 for any. */
  host: string;
  /**
   * Whether {@link STATE_FD} and {@link LINES_FD} are pipes to whoever started it. Without, nothing is to be written there
   * (Node uses free descriptors for itself), and {@link FunctionLine}s go to standard output.
   */
  hasPipes: boolean;
}

/** The runtime writes {@link RuntimeMessage}s here, one JSON text a line. */
export const STATE_FD = 3;
export type RuntimeMessage =
  /** It can be asked; it ends if it can't. */
  | { ready: true; port: number }
  /** It is ending, and has answered all that it had begun: who has no answer was not begun, and may ask another. */
  | { drained: true };

/** The runtime writes {@link FunctionLine}s here, one JSON text a line. Plain output is taken too, as of no function. */
export const LINES_FD = 4;
export interface FunctionLine {
  function: string | null;
  level: "debug" | "info" | "warn" | "error";
  /** Unix milliseconds. */
  at: number;
  text: string;
  /** Characters that were left out at its end; 0 without. */
  cut?: number;
}

/**
 * Variable that marks all that a child has started, so that what has left its process group is found and ended too. The
 * programs hand it on to whatever they start.
 */
export const MARK = "CLOUDIFY_PROCESS";

/** The one argument of the build: a JSON file with this. All paths are absolute, and exist. */
export interface BuildConfig {
  source: string;
  output: string;
  cache: string;
  settings: BuildSettings;
  target: string;
  branch: string | null;
  /** Host of the deployment. */
  url: string;
  /** Milliseconds for the whole build. The driver ends it then; the build may say so before, in its own words. */
  limitMs: number;
  /** JSON file with {@link BuildVariables}, mode 0600; to be removed once it is read. */
  envFile: string;
}

export interface BuildVariables {
  env: Record<string, string>;
  /** Names in `env` whose values must not appear in a line. */
  secrets: readonly string[];
  /** Those of them that visitors must not be shown. */
  sensitive: readonly string[];
}

/**
 * The build writes {@link BuildMessage}s here, one JSON text a line. `HOME` and `TMPDIR` are folders inside the job's own;
 * what the build program itself prints on standard output and standard error is its log too. What it writes here is
 * redacted already.
 */
export const BUILD_FD = 3;
export type BuildMessage =
  | { level: "info" | "warn" | "error"; text: string }
  /** The last one. A build that ends without is `build_failed`, and may be tried again. */
  | { end: BuildEnd };
