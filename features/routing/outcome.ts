/** Where a request stands between two steps of the resolver. */
import type { HeaderList } from "#core/headers.ts";

/** Says that a route of the table turned the request away. */
export const DENIED: HeaderList = [
  ["x-cloudify-mitigated", "deny"],
  ["x-vercel-mitigated", "deny"],
];

/** What a route, or a look at the outputs, leads to. */
export type Outcome<Output> =
  | { to: "next" }
  /** Out of the phase, as if no route were left in it. */
  | { to: "leave" }
  | { to: "done" }
  | { to: "found"; output: Output }
  | { to: "refuse" }
  | { to: "deny" };

/** Where the request is, on its way. */
export interface Place {
  pathname: string;
  query: URLSearchParams | null;
  status: number | null;
}

export const next: Outcome<never> = { to: "next" };
export const done: Outcome<never> = { to: "done" };
