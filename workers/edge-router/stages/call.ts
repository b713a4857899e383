/** A function of the output answers, wherever it runs. */
import type { HeaderList } from "#core/headers.ts";
import type { Problem } from "#core/problem.ts";
import type { FunctionEntry } from "#features/functions/function.ts";
import type { RequestChange } from "#features/routing/transforms.ts";
import type { Made } from "../answer.ts";
import type { Scope } from "../scope.ts";
import type { Target } from "../target.ts";
import { callFunction } from "./functions.ts";
import { callWorkload } from "./regions.ts";

export interface Asked {
  request: Request;
  /** As the visitor sees it, with the query that routes have added. */
  url: URL;
  /** The output's name. */
  name: string;
  /** What middlewares have changed, in order. */
  changes: readonly RequestChange[];
  hops: number;
  /** Header fields of the platform's own, which no visitor may send. */
  more?: HeaderList;
}

export type Answered = {
  ms: number;
  /** Name of the region that answered; `null`: it ran at the edge, or none did. */
  region: string | null;
} & ({ ok: true; made: Made } | { ok: false; problem: Problem; retryAfter: number | null });

export function callEntry(
  scope: Scope,
  target: Target,
  asked: Asked,
  entry: FunctionEntry,
): Promise<Answered> {
  const told = entry.allowQuery
    ? { ...asked, more: [...(asked.more ?? []), matchesOf(asked, entry.allowQuery)] }
    : asked;
  return "code" in entry
    ? callFunction(scope, target, told, entry)
    : callWorkload(scope, target, told, entry);
}

/** Which page of many is asked for, as functions behind a prerender configuration read it on Vercel. */
function matchesOf({ url }: Asked, allowQuery: readonly string[]): HeaderList[number] {
  const own = [...url.searchParams].filter(([name]) => allowQuery.includes(name));
  return ["x-now-route-matches", new URLSearchParams(own).toString()];
}
