/** One request on its way to an answer: what is known of it, what routing found, and what answers. */
import type { HeaderList } from "#core/headers.ts";
import type { RequestChange } from "#features/routing/transforms.ts";
import type { SiteHead } from "#features/sites/site.ts";
import type { TrafficEvent } from "#features/traffic/machine.ts";
import type { Made } from "../answer.ts";
import type { Scope } from "../scope.ts";
import type { Target } from "../target.ts";

/** One request, and what is known of where it leads. */
export interface Visit {
  scope: Scope;
  request: Request;
  url: URL;
  target: Target;
  head: SiteHead;
  hops: number;
}

/** A page that was found, and how it is to be shown. */
export interface Page {
  status: number;
  headers: HeaderList;
  changes: readonly RequestChange[];
  /** As its function is to see it. */
  url: URL;
}

export interface Answer {
  made: Made;
  cache: TrafficEvent["cache"];
  bytes: number;
  /** Of all functions that were asked; `null`: none was. */
  functionMs: number | null;
  /** Name of the region that answered. */
  region: string | null;
  /** What a function came to that is asked while the answer is under way already. It never rejects. */
  rest?: Promise<Pick<Answer, "functionMs" | "region">>;
}
