/**
 * The compiled form of a Build Output v3 route table: what the control plane validated and the edge trusts. Plain JSON.
 *
 * Source: Vercel's Build Output API v3, "Configuration" (routes, wildcard).
 */

export const PHASES = ["main", "filesystem", "resource", "miss", "rewrite", "hit", "error"] as const;
/** `main` holds the routes before the first `handle`. */
export type Phase = (typeof PHASES)[number];

export interface Pattern {
  source: string;
  /**
   * `native` runs as a RegExp; one that could run for ever so runs in a linear-time engine: `linear`, or `ahead` if it
   * looks ahead.
   */
  engine: "native" | "linear" | "ahead";
  caseSensitive: boolean;
  /** What every match begins with; lower case unless case-sensitive. Lets most routes be passed over quickly. */
  prefix: string;
}

/** All that are given must hold. */
export type ValueTest =
  | { op: "matches"; pattern: Pattern }
  | { op: "eq" | "neq" | "pre" | "suf"; value: string }
  | { op: "inc" | "ninc"; values: string[] }
  | { op: "gt" | "gte" | "lt" | "lte"; value: number };

/** No tests: presence is enough. A `host` needs at least one. */
export type Condition =
  | { type: "host"; tests: ValueTest[] }
  | { type: "header" | "cookie" | "query"; key: string; tests: ValueTest[] };

export interface Locale {
  /** Locale → path or URL to send visitors of that language to. */
  redirect: Record<string, string>;
  cookie: string | null;
}

/** Changes headers or the query, of the request or of the answer. */
export interface BagTransform {
  type: "request.headers" | "request.query" | "response.headers";
  op: "append" | "set" | "delete";
  /** A name, or a test that names must pass. */
  target: { key: string } | { tests: ValueTest[] };
  /** Templates of the values. */
  args: string[];
}

/** Another path for the function to see; which function that is does not change. */
export interface PathTransform {
  type: "request.path";
  /** A template. */
  path: string;
}

export type Transform = BagTransform | PathTransform;

export interface CompiledRoute {
  pattern: Pattern;
  dest?: string;
  status?: number;
  /** In order; names are lower case. */
  headers?: [name: string, value: string][];
  methods?: string[];
  has?: Condition[];
  missing?: Condition[];
  /** Go on with the next route after this one has matched. */
  continue?: true;
  /** Look at the file system again with the new path. */
  check?: true;
  /** Its headers can't be set again by later routes, nor by what answers. */
  important?: true;
  middlewarePath?: string;
  transforms?: Transform[];
  /** Nobody gets past it. */
  mitigate?: "deny";
  locale?: Locale;
}

export interface RouteTable {
  phases: Record<Phase, CompiledRoute[]>;
  /** Host → what `$wildcard` stands for. */
  wildcard: Record<string, string>;
}
