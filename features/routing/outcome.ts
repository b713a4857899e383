/** What one step of the resolver leads to. */
import type { HeaderList } from "#core/headers.ts";
import type { CompiledRoute } from "./table.ts";

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
  /** With nothing but this status, unless there is something at the path. */
  | { to: "status"; status: number }
  | { to: "refuse" }
  | { to: "deny" };

export const next: Outcome<never> = { to: "next" };
export const done: Outcome<never> = { to: "done" };

/**
 * Where a route leads that has no destination. One that only adds headers has led nowhere: later phases go on. One that
 * transforms is passed by: Next.js's builder names server actions so, in front of middlewares, which have to be asked.
 */
export function ended({ status, transforms }: Pick<CompiledRoute, "status" | "transforms">): Outcome<never> {
  if (status === undefined) return transforms ? next : { to: "leave" };
  if (status >= 400) return { to: "refuse" };
  return status >= 200 && status <= 299 ? { to: "status", status } : done;
}
