/** Work that one agent does once: claimed, kept alive, completed by compare-and-set on the attempt. */

export const TASK_LEASE_MS = 30_000;
export const TASK_HEARTBEAT_MS = 2_000;

/** A build of uploaded source. */
export interface BuildTask {
  kind: "build";
  /** `build.<deployment>`. */
  id: string;
  attempt: number;
  team: string;
  project: string;
  projectName: string;
  deployment: string;
  /** Digest of the manifest of the source: a blob of the team, `{ v: 1, files: [{ path, sha256, size }] }`. */
  source: string;
  target: string;
  branch: string | null;
  settings: BuildSettings;
  /** Host of the deployment, for `CLOUDIFY_URL`. */
  url: string;
  /** Milliseconds that the whole build may take. */
  limitMs: number;
}

export interface BuildSettings {
  rootDirectory: string | null;
  framework: string | null;
  installCommand: string | null;
  buildCommand: string | null;
  outputDirectory: string | null;
  nodeVersion: string | null;
}

/** Of a project that says nothing. */
export const NO_BUILD_SETTINGS: BuildSettings = {
  rootDirectory: null,
  framework: null,
  installCommand: null,
  buildCommand: null,
  outputDirectory: null,
  nodeVersion: null,
};

export type Task = BuildTask;

/** `POST /agent/v1/tasks/claim`: answers when there is one, or when the wait is over. */
export interface ClaimRequest {
  epoch: number;
  max: number;
  waitMs: number;
}

export interface ClaimAnswer {
  tasks: Task[];
}

/** `GET /agent/v1/tasks/<id>/environment?epoch&attempt`. */
export interface TaskEnvironment {
  env: Record<string, string>;
  /** Names in `env` whose values must not appear in a log. */
  secrets: string[];
  /** Those of them that somebody has marked as sensitive: an output that shows one to visitors is no output. */
  sensitive: string[];
}

/** `POST /agent/v1/tasks/<id>/heartbeat`. */
export interface HeartbeatRequest {
  epoch: number;
  attempt: number;
}

export interface HeartbeatAnswer {
  /** The task is to be ended: it was canceled, or has another attempt. */
  isOver: boolean;
}

/** `POST /agent/v1/tasks/<id>/complete`. A late repetition answers as the first did. */
export interface CompleteRequest {
  epoch: number;
  attempt: number;
  result: TaskResult;
}

export type TaskResult =
  | { ok: true; output: OutputFile[] }
  | { ok: false; failure: TaskFailure; isRetryable: boolean };

/** A file of the Build Output tree; its bytes were uploaded before. */
export interface OutputFile {
  path: string;
  sha256: string;
  size: number;
  isExecutable?: true | undefined;
  /** A symbolic link, inside of a function's folder or from one function to another: its target, which its bytes are too. */
  link?: string | undefined;
}

export interface TaskFailure {
  code: string;
  detail: string;
  fix: string;
}

/** Problem `missing_blobs` (extension `missing`) tells which bytes to upload first. */
export interface CompleteAnswer {
  isAccepted: boolean;
}

/** `PUT /agent/v1/tasks/<id>/blobs/<sha256>?epoch&attempt` stores bytes for the task's team. */
export const taskBlobPath = (id: string, sha256: string): string => `/agent/v1/tasks/${id}/blobs/${sha256}`;
/**
 * `POST /agent/v1/tasks/<id>/blobs?epoch&attempt`: JSON list of digests in, those that the team lacks out.
 * `PUT`, there: a pack (packs.ts) stores bytes for the task's team, all of them or none.
 */
export const taskBlobsPath = (id: string): string => `/agent/v1/tasks/${id}/blobs`;
