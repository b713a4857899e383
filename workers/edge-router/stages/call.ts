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
  const told = entry.allowQuery ? askedFor(asked, entry.allowQuery) : asked;
  return "code" in entry
    ? callFunction(scope, target, told, entry)
    : callWorkload(scope, target, told, entry);
}

/**
 * One page of many, for all who ask for it: which one, functions behind a prerender configuration read as on Vercel, and of
 * the query only what tells pages apart. (“The allowQuery filter still applies”, says the specification of `passQuery`.)
 */
function askedFor(asked: Asked, allowQuery: readonly string[]): Asked {
  const own = new URLSearchParams([...asked.url.searchParams].filter(([name]) => allowQuery.includes(name)));
  const more: HeaderList = [...(asked.more ?? []), ["x-now-route-matches", own.toString()]];
  // What is no question is for whoever sent it.
  if (asked.request.method !== "GET" && asked.request.method !== "HEAD") return { ...asked, more };
  const url = new URL(asked.url);
  url.search = own.toString();
  return { ...asked, url, more };
}
