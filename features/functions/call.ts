/** What the router tells the isolates with each request: headers that only the platform can set. */

export const CALL_HEADER = "x-cloudify-call";
/**
 * The head that the function is to see, in one field: see {@link encodeHead}. Each field of a head is made anew by every
 * Worker that it passes through; this one is made into fields where the function is.
 */
export const HEAD_HEADER = "x-cloudify-head";
/**
 * A field of that head, which the function itself does not see: it is asked as a middleware, so that returning nothing lets
 * the request go on.
 */
export const AS_MIDDLEWARE = "x-cloudify-as-middleware";
/** Proves to the isolates, and to the platform's own endpoints, that the platform asks. */
export const KEY_HEADER = "x-cloudify-key";
/** How many functions and rewrites a request has been through; absent: none. */
export const HOPS_HEADER = "x-cloudify-hops";
/** From the isolates, beside the hops: a function that is in quarantine asks. */
export const QUARANTINED_HEADER = "x-cloudify-quarantined";
/** From the isolates: what went wrong, one of {@link Fault}. */
export const FAULT_HEADER = "x-cloudify-fault";
/**
 * From the isolates: `cold`, the isolate's name, what {@link PROCESS_HEADER} says (`- -`: nobody watches it), and `full`
 * when their process should make room; absent: warm.
 */
export const START_HEADER = "x-cloudify-start";
/** From the watchdog: bytes that the isolates' process holds. */
export const MEMORY_HEADER = "x-cloudify-memory";
/** What the isolates say to a question that is no call: they go on, or are to be replaced. */
export const ALIVE = "alive\n";
export const RETIRED = "retired\n";
/** Beside {@link ALIVE}, of a process that is watched: its serial number, and why the one before it ended (`Reason`). */
export const PROCESS_HEADER = "x-cloudify-process";
/** From the router: the isolates' process is to be replaced, since it is full and nothing runs in it. */
export const RETIRE_HEADER = "x-cloudify-retire";

/** A request to a host of this platform passes through at most so many functions and rewrites. */
export const MAX_HOPS = 8;

export interface Call {
  /** See `codeIdOf`. */
  id: string;
  team: string;
  project: string;
  deployment: string;
  /** The output's name: `api/hello`. */
  name: string;
  /** Digest of its code. */
  code: string;
  /** Digest of its frozen environment. */
  env: string | null;
  /** What the platform adds to its environment. */
  system: Record<string, string>;
}

/**
 * - `load`: its code can't be loaded, or throws when it is. - `threw`: the handler did. - `hung`: it can never answer.
 * - `no-response`: what it returned is not a Response. - `unsendable`: it is one that can't be sent.
 */
export const FAULTS = ["load", "threw", "hung", "no-response", "unsendable"] as const;
export type Fault = (typeof FAULTS)[number];

/** JSON, in the letters that a header may have. */
export function encodeHead(head: Iterable<readonly [name: string, value: string]>): string {
  const text = JSON.stringify(Object.fromEntries(head));
  return text.replace(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const UNPRINTABLE = /[^\x20-\x7e]/g;

/** Header values are bytes: names of functions need not be ASCII. Two calls of one id have one text. */
export const encodeCall = (call: Call): string => encodeURIComponent(JSON.stringify(call));
export const decodeCall = (text: string): Call => JSON.parse(decodeURIComponent(text)) as Call;
