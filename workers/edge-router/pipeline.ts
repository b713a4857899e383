/**
 * Every request to a deployed host, in order: host → release → protection → routing → answer → one traffic event.
 * Stages decide; this page is the only place that knows their order.
 */
import { type HeaderList, setAll } from "#core/headers.ts";
import { Problem } from "#core/problem.ts";
import { serveStatic } from "#features/assets/serve.ts";
import { MAX_HOPS } from "#features/functions/call.ts";
import { VISITOR_COOKIE, VISITOR_SECONDS } from "#features/pointers/bucket.ts";
import { checkPath } from "#features/routing/path.ts";
import { type Resolution, resolve } from "#features/routing/resolve.ts";
import { mergeQuery } from "#features/routing/substitute.ts";
import type { StaticFile } from "#features/sites/site.ts";
import type { TrafficEvent } from "#features/traffic/machine.ts";
import { finished, type Made, withHeaders } from "./answer.ts";
import { refuse } from "./pages.ts";
import type { Scope } from "./scope.ts";
import { rewriteOutside } from "./stages/external.ts";
import { callFunction } from "./stages/functions.ts";
import { changed, failed, Middlewares } from "./stages/middleware.ts";
import { protection } from "./stages/protection.ts";
import { FileSource } from "./storage/files.ts";
import { findOutput, type Output } from "./storage/outputs.ts";
import { readSite } from "./storage/sites.ts";
import { findTarget, type Target } from "./target.ts";
import { report } from "./traffic.ts";

/** Answered before routing; an output that holds such files is refused. */
const RESERVED = /^\/(?:_cloudify|\.well-known\/cloudify)(?:\/|$)/;

interface Answer {
  made: Made;
  cache: TrafficEvent["cache"];
  bytes: number;
  /** Of all functions that were asked; `null`: none was. */
  functionMs: number | null;
}

export async function pipeline(scope: Scope, request: Request, hops = 0): Promise<Response> {
  const url = new URL(request.url);
  if (hops > MAX_HOPS) return refuse(request, LOOP, scope.requestId);
  const path = checkPath(url.pathname);
  if (!path.ok) {
    const problem = new Problem(path.status === 414 ? "uri_too_long" : "bad_request", path.detail);
    return refuse(request, problem, scope.requestId);
  }
  const target = await findTarget(scope, request, url);
  if (target instanceof Problem) return refuse(request, target, scope.requestId);
  const answer = await respond(scope, request, url, target, hops);
  return finish(scope, request, url, target, answer);
}

async function respond(
  scope: Scope,
  request: Request,
  url: URL,
  target: Target,
  hops: number,
): Promise<Answer> {
  protection(target.policy);
  if (RESERVED.test(url.pathname)) {
    return plain(
      refuse(request, new Problem("not_found", "The platform has nothing at this path."), scope.requestId),
    );
  }
  const head = await readSite(scope, target.site);
  const middlewares = new Middlewares(scope, request, target, head, hops);
  const header = (name: string) => request.headers.get(name);
  const routed = await resolve<Output, Made>(
    { method: request.method, url, header },
    head.routes,
    (pathname) => findOutput(scope, target.site, head, pathname),
    middlewares.ask,
  );
  const answer = await answerWith(scope, request, url, target, hops, routed);
  return middlewares.ms === null
    ? answer
    : { ...answer, functionMs: middlewares.ms + (answer.functionMs ?? 0) };
}

async function answerWith(
  scope: Scope,
  request: Request,
  url: URL,
  target: Target,
  hops: number,
  routed: Resolution<Output, Made>,
): Promise<Answer> {
  switch (routed.kind) {
    case "output":
      return output(scope, request, url, target, hops, routed);
    case "answer":
      return plain(withHeaders(routed.answer, routed.headers));
    case "redirect":
      return plain(redirect(routed.status, routed.location, routed.headers));
    case "external": {
      const again = (onward: Request) => pipeline(scope, onward, hops + 1);
      const onward = changed(request, routed.changes);
      const found = await rewriteOutside(scope, onward, routed.url, routed.headers, again);
      return plain(found instanceof Problem ? refuse(request, found, scope.requestId) : found);
    }
    case "status":
      return plain(status(scope, request, routed.status, routed.headers));
  }
}

async function output(
  scope: Scope,
  request: Request,
  url: URL,
  target: Target,
  hops: number,
  routed: Extract<Resolution<Output, Made>, { kind: "output" }>,
): Promise<Answer> {
  const { output: found } = routed;
  switch (found.kind) {
    case "file":
      if (found.redirectTo !== null)
        return plain(redirect(308, mergeQuery(found.redirectTo, url.searchParams), routed.headers));
      return file(scope, request, target, found.file, routed.status ?? 200, routed.headers);
    case "page": {
      const { file: stored, status: code, headers } = found.page;
      return file(scope, request, target, stored, routed.status ?? code, [...headers, ...routed.headers]);
    }
    case "function": {
      const asked = routed.query ? new URL(url) : url;
      if (routed.query) asked.search = routed.query.toString();
      const { name, entry } = found;
      const given = { request, url: asked, name, entry, changes: routed.changes, hops };
      const called = await callFunction(scope, target, given);
      if (!called.ok) return { ...plain(failed(scope, request, called)), functionMs: called.ms };
      const made = withHeaders(called.made, routed.headers);
      if (made instanceof Response) return { ...plain(made), functionMs: called.ms };
      // A route of the error phase gives the page its status.
      const code = made.status === 200 ? (routed.status ?? 200) : made.status;
      const body = request.method === "HEAD" ? null : made.body;
      return { ...plain({ ...made, status: code, body }), functionMs: called.ms };
    }
  }
}

async function file(
  scope: Scope,
  request: Request,
  target: Target,
  stored: StaticFile,
  code: number,
  headers: HeaderList,
): Promise<Answer> {
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
  return { made: { ...draft, encodeBody: "manual" }, cache: source.tier, bytes, functionMs: null };
}

/** What every answer carries, and the one event it leaves. */
function finish(scope: Scope, request: Request, url: URL, target: Target, answer: Answer): Response {
  const { made, cache, bytes, functionMs } = answer;
  const response = finished(made, said(scope, url, target, cache));
  report(scope, {
    at: scope.clock.now(),
    team: target.team,
    project: target.project,
    deployment: target.deployment,
    host: url.hostname,
    status: response.status,
    cache,
    bytesIn: Number(request.headers.get("content-length") ?? 0),
    bytesOut: bytes,
    functionMs,
    region: null,
    sampled: 1,
  });
  return response;
}

function said(scope: Scope, url: URL, target: Target, cache: Answer["cache"]): HeaderList {
  const list: HeaderList = [
    ["x-cloudify-id", scope.requestId],
    ["x-cloudify-deployment", target.deployment],
  ];
  // RFC 9211: what was not near was fetched from the store of origin.
  if (cache !== "none")
    list.push(["cache-status", cache === "r2" ? "cloudify; fwd=miss" : `cloudify; hit; detail=${cache}`]);
  if (!target.isProduction) list.push(["x-robots-tag", "noindex"]);
  if (target.visitor !== undefined) {
    const secure = url.protocol === "https:" ? "; Secure" : "";
    const cookie = `${VISITOR_COOKIE}=${target.visitor}; Path=/; Max-Age=${VISITOR_SECONDS}; HttpOnly; SameSite=Lax${secure}`;
    list.push(["set-cookie", cookie]);
  }
  return list;
}

const plain = (made: Made): Answer => ({ made, cache: "none", bytes: 0, functionMs: null });

function redirect(status: number, location: string, headers: HeaderList): Response {
  const response = new Response(null, { status });
  setAll(response.headers, headers);
  response.headers.set("location", location);
  if (!response.headers.has("cache-control"))
    response.headers.set("cache-control", "public, max-age=0, must-revalidate");
  return response;
}

/** A status that a route gave, or that nothing was found. */
function status(scope: Scope, request: Request, code: number, headers: HeaderList): Response {
  const problem =
    code === 404 ? new Problem("not_found", "This page does not exist.") : code === 508 ? LOOP : null;
  const response = problem ? refuse(request, problem, scope.requestId) : new Response(null, { status: code });
  setAll(response.headers, headers);
  return response;
}

const LOOP = new Problem("loop_detected", "The rewrites of this site lead in a circle.", {
  fix: "Look at the rewrites that lead to hosts of this platform, or to each other.",
});
const LOST = new Problem("internal", "The bytes of this file could not be read.", { fix: "Deploy again." });
