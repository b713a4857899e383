/**
 * A function as the control plane compiled it: what the site's head says of it, and, for one at the edge, the code that
 * an isolate is made from. The edge trusts both.
 *
 * R2 keys: `functions/<team>/<digest>` is the code; `functions/<team>/<digest>.maps` its source maps, which are never
 * served.
 */

/** Bytes of all modules of one function. */
export const MAX_SCRIPT_BYTES = 10 * 1024 * 1024;
/** Functions of one deployment: all of them stand in the site's head. */
export const MAX_FUNCTIONS = 1_000;

/** What the site's head says of one function. */
export type FunctionEntry = EdgeEntry | NodeEntry;

interface OfPrerender {
  /** It renders a page for who asks: names of the parameters that tell which one, as routes have put them into the query. */
  allowQuery?: string[];
}

/** It runs in an isolate at the edge. */
export interface EdgeEntry extends OfPrerender {
  /** SHA-256 of its code; names the R2 object. */
  code: string;
}

/** It runs in a region, in a process of Node.js that it shares with the others of its group. */
export interface NodeEntry extends OfPrerender {
  /** Digest of the group's WorkloadSpec. */
  workload: string;
  group: string;
  /** Seconds to the first byte. */
  maxDuration: number;
}

export type CodeModule =
  | { js: string }
  | { cjs: string }
  | { text: string }
  | { json: unknown }
  /** Base64. */
  | { wasm: string }
  /** Base64. */
  | { data: string };

export interface FunctionCode {
  v: 1;
  /** Name of the module whose default export answers. */
  main: string;
  modules: Record<string, CodeModule>;
  /** What `fetch("blob:<name>")` answers: the module's name that holds the bytes. */
  assets: Record<string, string>;
  /** Variables that its builder gave it; the project's own go before them. */
  environment: Record<string, string>;
}

/** Our own modules in each isolate; a function can't have one of this name. */
export const RESERVED_MODULES = "__cloudify/";

export const functionKey = (team: string, digest: string): string => `functions/${team}/${digest}`;
/** Says that a script was uploaded to a dispatch namespace. It goes when its deployment has gone. */
export const dispatchedKey = (deployment: string, namespace: string, script: string): string =>
  `dispatched/${deployment}/${namespace}/${script}`;
export const mapsKey = (team: string, digest: string): string => `functions/${team}/${digest}.maps`;

/** Which code with which environment: two calls of one id may share an isolate. */
export const codeIdOf = (
  { project, deployment }: { project: string; deployment: string },
  name: string,
  code: string,
  env: string | null,
): string => `${project}/${deployment}/${code.slice(0, 32)}/${env?.slice(0, 32) ?? "-"}/${name}`;

/** Of a code id: a function is the same in each of its project's deployments. */
export const projectOf = (code: string): string => code.split("/", 1)[0] ?? "";
export const nameOf = (code: string): string => code.split("/").slice(4).join("/");
