/** Middlewares: functions that routing asks before it goes on. */
import type { HeaderList } from "#core/headers.ts";
import { SECOND } from "#core/time.ts";
import { AS_MIDDLEWARE } from "#features/functions/call.ts";
import type { FunctionEntry } from "#features/functions/function.ts";
import { verdictOf } from "#features/functions/middleware.ts";
import type { Decision } from "#features/routing/resolution.ts";
import type { RequestChange } from "#features/routing/transforms.ts";
import type { SiteHead } from "#features/sites/site.ts";
import type { Made } from "../answer.ts";
import { ANSWER_MS } from "../functions/run.ts";
import { refuse } from "../pages.ts";
import type { Scope } from "../scope.ts";
import type { Target } from "../target.ts";
import { type Answered, callEntry } from "./call.ts";

const AT_THE_EDGE: HeaderList = [[AS_MIDDLEWARE, "1"]];

export class Middlewares {
  /** Milliseconds of all that were asked; `null`: none was. */
  ms: number | null = null;
  /** Name of the one in which a middleware gave the answer; `null`: none did, or at the edge. */
  region: string | null = null;
  readonly #scope: Scope;
  readonly #request: Request;
  readonly #target: Target;
  readonly #head: SiteHead;
  readonly #hops: number;

  constructor(scope: Scope, request: Request, target: Target, head: SiteHead, hops: number) {
    this.#scope = scope;
    this.#request = request;
    this.#target = target;
    this.#head = head;
    this.#hops = hops;
  }

  readonly ask = async (
    path: string,
    url: URL,
    changes: readonly RequestChange[],
  ): Promise<Decision<Made>> => {
    const name = path.replace(/^\/+/, "");
    const entry = this.#head.functions?.[name];
    // The compiler has refused tables that name what is not there: nothing may get past a guard that is missing.
    if (!entry) throw new Error(`there is no middleware ${name}`);
    const more = "code" in entry ? AT_THE_EDGE : [];
    const asked = { request: this.#copy(), url, name, changes, hops: this.#hops, more };
    const called = await callEntry(this.#scope, this.#target, asked, inTime(entry));
    this.ms = (this.ms ?? 0) + called.ms;
    if (!called.ok) {
      this.region = called.region;
      const { status } = called.problem;
      return { kind: "fault", status, answer: failed(this.#scope, this.#request, called) };
    }
    const { made } = called;
    const verdict = verdictOf(made.headers);
    if (verdict.kind === "answer") {
      this.region = called.region;
      return { kind: "answer", answer: made };
    }
    if (made.body instanceof ReadableStream) await made.body.cancel();
    return verdict;
  };

  /** Its body stays for whoever answers; a middleware is given the head only, as on Vercel. */
  #copy(): Request {
    const { url, method, headers } = this.#request;
    return new Request(url, { method, headers, cf: this.#request.cf ?? {} });
  }
}

/** A whole site waits for it, so it has as long in a region as it would at the edge. */
const inTime = (entry: FunctionEntry): FunctionEntry =>
  "code" in entry ? entry : { ...entry, maxDuration: Math.min(entry.maxDuration, ANSWER_MS / SECOND) };

export function failed(scope: Scope, request: Request, called: Extract<Answered, { ok: false }>): Response {
  const response = refuse(request, called.problem, scope.requestId);
  if (called.retryAfter !== null) response.headers.set("retry-after", String(called.retryAfter));
  return response;
}

export function changed(request: Request, changes: readonly RequestChange[]): Request {
  if (changes.length === 0) return request;
  const headers = changes.reduce((so, change) => change.apply(so), new Headers(request.headers));
  return new Request(request, { headers });
}
