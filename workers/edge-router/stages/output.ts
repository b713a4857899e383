/**
 * What routing has found answers: a file, a prerendered page, or a function. A function that fails is answered for by the
 * error phase, if it has a page for that; "check matches after error (500, 404, etc.)", says the specification.
 */
import { type HeaderList, setAll } from "#core/headers.ts";
import { Problem } from "#core/problem.ts";
import { serveStatic } from "#features/assets/serve.ts";
import { Asked as Conditions, fulfil } from "#features/routing/conditions.ts";
import type { Resolution, RoutingRequest, Said } from "#features/routing/resolution.ts";
import { resolveError } from "#features/routing/resolve.ts";
import { mergeQuery } from "#features/routing/substitute.ts";
import type { Prerender, StaticFile } from "#features/sites/site.ts";
import { type Made, withHeaders } from "../answer.ts";
import { refuse } from "../pages.ts";
import { FileSource } from "../storage/files.ts";
import { findOutput, type Output } from "../storage/outputs.ts";
import { type Answered, callEntry } from "./call.ts";
import { failed } from "./middleware.ts";
import { partial } from "./partial.ts";
import type { Answer, Visit } from "./visit.ts";

type Found = Pick<
  Extract<Resolution<Output, Made>, { kind: "output" }>,
  "output" | "query" | "status" | "headers" | "changes" | "shownPath" | "firm"
>;

export const plain = (made: Made): Answer => ({
  made,
  cache: "none",
  bytes: 0,
  functionMs: null,
  region: null,
});

export const asked = ({ request, url }: Visit): RoutingRequest => ({
  method: request.method,
  url,
  header: (name) => request.headers.get(name),
});

/** @param isLast Then a failure is not asked a page for: it is the error phase's own. */
export async function outputAnswer(visit: Visit, found: Found, isLast = false): Promise<Answer> {
  const { output } = found;
  switch (output.kind) {
    case "file":
      if (output.redirectTo !== null)
        return plain(redirect(308, mergeQuery(output.redirectTo, visit.url.searchParams), found.headers));
      return file(visit, output.file, found.status ?? 200, found.headers);
    case "page": {
      const { page, name } = output;
      const entry = visit.head.functions?.[name];
      if (entry && isBypassed(visit, page, found.status))
        return call(visit, { ...found, output: { kind: "function", name, entry } }, isLast);
      // A page is what a function has said: see `withHeaders`.
      const { file: stored, headers: said } = page;
      const firm = found.headers.filter(([header]) => found.firm.has(header));
      const open = found.headers.filter(([header]) => !found.firm.has(header));
      const headers = [...open, ...said, ...firm];
      const status = found.status ?? page.status;
      if (!page.resume) return file(visit, stored, status, headers);
      const shown = { status, headers, changes: found.changes, url: shownUrl(visit, found) };
      return (
        (await partial(visit, shown, page, page.resume)) ??
        plain(refuse(visit.request, LOST, visit.scope.requestId))
      );
    }
    case "function":
      return call(visit, { ...found, output }, isLast);
  }
}

/** What is no question for a page, unless it is an error's, and what its builder has named. */
function isBypassed({ request, url }: Visit, { bypass = [] }: Prerender, status: number | null): boolean {
  const isQuestion = request.method === "GET" || request.method === "HEAD";
  if (!isQuestion && (status ?? 200) < 400) return true;
  if (bypass.length === 0) return false;
  const known = new Conditions(
    url.hostname,
    () => url.searchParams,
    (name) => request.headers.get(name),
  );
  return bypass.some((one) => fulfil(one, known) !== null);
}

/** What a function sees of the address. */
function shownUrl(visit: Visit, { query, shownPath }: Pick<Found, "query" | "shownPath">): URL {
  if (!query && shownPath === null) return visit.url;
  const url = new URL(visit.url);
  if (query) url.search = query.toString();
  if (shownPath !== null) url.pathname = shownPath;
  return url;
}

async function call(
  visit: Visit,
  {
    output,
    query,
    changes,
    shownPath,
    status,
    headers,
    firm,
  }: Found & { output: { kind: "function" } & Output },
  isLast: boolean,
): Promise<Answer> {
  const { scope, request, target, hops } = visit;
  const url = shownUrl(visit, { query, shownPath });
  const { name, entry } = output;
  const called = await callEntry(scope, target, { request, url, name, changes, hops }, entry);
  if (!called.ok) {
    const said = { headers, firm, changes };
    return isLast ? fault(visit, called, said) : explained(visit, called, said);
  }
  const made = withHeaders(called.made, headers, firm);
  if (made instanceof Response) return { ...plain(made), functionMs: called.ms, region: called.region };
  // A route of the error phase gives the page its status.
  const code = made.status === 200 ? (status ?? 200) : made.status;
  const body = request.method === "HEAD" ? null : made.body;
  return { ...plain({ ...made, status: code, body }), functionMs: called.ms, region: called.region };
}

type Failed = Extract<Answered, { ok: false }>;

const fault = (
  { scope, request }: Visit,
  called: Failed,
  { headers, firm }: Pick<Said, "headers" | "firm">,
): Answer => ({
  ...plain(withHeaders(failed(scope, request, called), headers, firm)),
  functionMs: called.ms,
  region: called.region,
});

/** The body went to the function that failed: a page is asked for without. */
async function explained(visit: Visit, called: Failed, said: Said): Promise<Answer> {
  const { scope, request, target, head } = visit;
  const { status } = called.problem;
  const page = await resolveError<Output>(
    asked(visit),
    head.routes,
    (pathname) => findOutput(scope, target.site, head, pathname),
    status,
    said,
  );
  if (page.kind !== "output") return fault(visit, called, page);
  const { url, method, headers, cf = {} } = request;
  const bare = new Request(url, { method, headers, cf });
  const answer = await outputAnswer({ ...visit, request: bare }, page, true);
  answer.made.headers.set("x-cloudify-error", called.problem.code);
  if (called.retryAfter !== null) answer.made.headers.set("retry-after", String(called.retryAfter));
  const region = answer.region ?? called.region;
  return { ...answer, functionMs: called.ms + (answer.functionMs ?? 0), region };
}

async function file(visit: Visit, stored: StaticFile, code: number, headers: HeaderList): Promise<Answer> {
  const { scope, request, target } = visit;
  const source = new FileSource(scope, target.team, stored);
  const acceptEncoding = () => (request.cf?.clientAcceptEncoding as string | undefined) ?? null;
  const { createdAt: lastModified } = target;
  const header = (name: string) => request.headers.get(name);
  const ask = { method: request.method, header, acceptEncoding, file: stored, lastModified };
  const served = await serveStatic({ ...ask, status: code, headers }, (encoding, span) =>
    source.open(encoding, span),
  );
  if (!served.ok) return plain(refuse(request, LOST, scope.requestId));
  const { bytes, ...draft } = served;
  return {
    made: { ...draft, encodeBody: "manual" },
    cache: source.tier,
    bytes,
    functionMs: null,
    region: null,
  };
}

export function redirect(status: number, location: string, headers: HeaderList): Response {
  const response = new Response(null, { status });
  setAll(response.headers, headers);
  response.headers.set("location", location);
  if (!response.headers.has("cache-control"))
    response.headers.set("cache-control", "public, max-age=0, must-revalidate");
  return response;
}

const LOST = new Problem("internal", "The bytes of this file could not be read.", { fix: "Deploy again." });
