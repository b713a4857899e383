/** A function of the output answers, wherever it runs. */
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
}

export type Answered = {
  ms: number;
  /** Name of the region that answered; `null`: it ran at the edge, or none did. */
  region: string | null;
} & ({ ok: true; made: Made } | { ok: false; problem: Problem; retryAfter: number | null });

export const callEntry = (
  scope: Scope,
  target: Target,
  asked: Asked,
  entry: FunctionEntry,
): Promise<Answered> =>
  "code" in entry ? callFunction(scope, target, asked, entry) : callWorkload(scope, target, asked, entry);
