/** A workload: the node functions of a deployment that share a process, as the control plane compiled them. */

/** R2 key of a spec, which is stored under the digest of its own canonical JSON. */
export const workloadKey = (team: string, digest: string): string => `workloads/${team}/${digest}`;

/** `<deployment>.<group>`. */
export const workloadId = (deployment: string, group: string): string => `${deployment}.${group}`;

/** Shared by equal outputs: it knows neither deployment nor environment. */
export interface WorkloadSpec {
  v: 1;
  group: string;
  /** Major version of Node. */
  node: number;
  /** Mebibytes for the process: the largest of its functions. */
  memory: number;
  run: FunctionsRun | ServiceRun;
  /** Path → file, relative to the root of the workload's folder. */
  files: Record<string, WorkloadFile>;
}

/** Build Output functions, called by our runtime. */
export interface FunctionsRun {
  kind: "functions";
  /** Output's name → how it is called. */
  functions: Record<string, NodeFunction>;
}

/** A program that listens at `PORT` by itself; it answers for every name. */
export interface ServiceRun {
  kind: "service";
  /** For `sh -c`, in the root of the folder. */
  command: string;
  /** Seconds to the first byte. */
  maxDuration: number;
}

export interface NodeFunction {
  /** Path of the module, relative to the root of the folder. */
  handler: string;
  /** Folder that the function takes for its root (`process.cwd()`), relative to the root. */
  cwd: string;
  launcher: "Nodejs";
  /** `req.query`, `res.json()` and so on. */
  hasHelpers: boolean;
  /** Its default export takes a Request and returns a Response: `useWebApi` of the output. */
  isWeb?: true;
  /** Seconds to the first byte. */
  maxDuration: number;
  /** Variables that its builder gave it; the project's own go before them. */
  environment: Record<string, string>;
}

export type WorkloadFile =
  | { sha256: string; size: number; isExecutable?: true }
  /** A symbolic link: its target, relative to the folder that it lies in. */
  | { link: string };

/** `GET /agent/v1/workloads/<id>`: what the agent needs to run one. Kept by the agent with mode 0600. */
export interface WorkloadMaterial {
  id: string;
  generation: number;
  team: string;
  project: string;
  deployment: string;
  spec: WorkloadSpec;
  /** Opened: variables of the project, of the platform, and system variables but the region's own. */
  env: Record<string, string>;
  /** Names in `env` whose values must not appear in a log. */
  secrets: string[];
}

/** `GET /agent/v1/blobs/<team>/<sha256>` answers the bytes, if the region runs or builds something of that team. */
export const blobPath = (team: string, sha256: string): string => `/agent/v1/blobs/${team}/${sha256}`;
