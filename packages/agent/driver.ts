/**
 * What the agent asks of the place where workloads run. The agent decides what should be there; a driver makes it so, and
 * says what is. Both drivers are held to one conformance suite (tests/agent/conformance.ts).
 */
import type { BuildTask, DriverName, Load, WorkloadMaterial, WorkloadStatus } from "@cloudify/protocol";

/** A fence in the cluster: a driver refuses what is older than what it holds. */
export interface Stamp {
  epoch: number;
  generation: number;
}

export interface Wish {
  id: string;
  stamp: Stamp;
  /** Its first instance is started before anybody asks. */
  isWarm: boolean;
  material: WorkloadMaterial;
}

export type Applied = { ok: true } | { ok: false; reason: "fenced" | "invalid" | "failed"; detail: string };

export interface Actual {
  id: string;
  stamp: Stamp;
  status: WorkloadStatus;
}

/** Bytes by digest: fetched once, kept on disk, read-only. */
export interface BlobSource {
  /** @returns Path of a file that holds them. @throws When they can't be had. */
  fileOf(team: string, sha256: string, signal: AbortSignal): Promise<string>;
}

/** A line of a workload; `function` is `null` for what the process says outside of any call. */
export interface WorkloadLine {
  deployment: string;
  function: string | null;
  at: number;
  level: "debug" | "info" | "warn" | "error";
  text: string;
}

export interface DriverEvents {
  onStatus(status: WorkloadStatus): void;
  onLine(line: WorkloadLine): void;
}

export interface BuildJob {
  task: BuildTask;
  /** Variables of the project for this build. */
  env: Record<string, string>;
  /** Names in `env` whose values must not appear in a line. */
  secrets: readonly string[];
  /** Those of them that visitors must not be shown. */
  sensitive: readonly string[];
  /** Folder that the source was put into. */
  source: string;
  /** Where the Build Output tree is to be. */
  output: string;
  /** Kept between builds of one project and branch. */
  cache: string;
  onLine(level: "info" | "warn" | "error", text: string): void;
}

export type BuildEnd =
  | { ok: true }
  | { ok: false; code: string; detail: string; fix: string; isRetryable: boolean };

export interface Driver {
  readonly name: DriverName;
  /** Origin of the ingress, once there is one. */
  readonly ingress: string | null;
  /** @param key What the edge proves itself with, see INGRESS_KEY_HEADER. */
  start(key: () => string | null, blobs: BlobSource, events: DriverEvents): Promise<void>;
  /** Resolves when it has been handed over; that it is ready comes as a status. Said again, it changes nothing. */
  apply(wish: Wish, signal: AbortSignal): Promise<Applied>;
  /** By tombstone only. Of what is not there it says `ok`. */
  remove(id: string, stamp: Stamp, signal: AbortSignal): Promise<Applied>;
  list(): Promise<Actual[]>;
  load(): Promise<Omit<Load, "builds">>;
  /** Runs a build; an abort ends it, with all that it started, within 5 s. */
  build(job: BuildJob, signal: AbortSignal): Promise<BuildEnd>;
  /** The process driver ends its workloads; what runs in Kubernetes goes on. */
  stop(): Promise<void>;
}
