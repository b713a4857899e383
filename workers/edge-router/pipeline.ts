/**
 * Every request to a deployed host, in order: host → release → protection → routing → answer → one traffic event.
 * Stages decide; this page is the only place that knows their order.
 */
import { Problem } from "#core/problem.ts";
import { serveStatic } from "#features/assets/serve.ts";
import { checkPath } from "#features/routing/path.ts";
import { type HeaderList, resolve } from "#features/routing/resolve.ts";
import { mergeQuery } from "#features/routing/substitute.ts";
import type { TrafficEvent } from "#features/traffic/machine.ts";
import { refuse } from "./pages.ts";
import type { Scope } from "./scope.ts";
import { rewriteOutside } from "./stages/external.ts";
import { protection } from "./stages/protection.ts";
import { FileSource } from "./storage/files.ts";
import { findOutput, type Output } from "./storage/outputs.ts";
import { readSite } from "./storage/sites.ts";
import { findTarget, type Target } from "./target.ts";
import { report } from "./traffic.ts";

/** A rewrite to a host of this platform is a request of its own; a circle of them ends here. */
const MAX_HOPS = 8;
/** Answered before routing; an output that holds such files is refused. */
const RESERVED = /^\/(?:_cloudify|\.well-known\/cloudify)(?:\/|$)/;

interface Answer {
  response: Response;
  cache: TrafficEvent["cache"];
  bytes: number;
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
  finish(scope, request, url, target, answer);
  return answer.response;
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
  const header = (name: string) => request.headers.get(name);
  const routed = await resolve<Output>({ method: request.method, url, header }, head.routes, (pathname) =>
    findOutput(scope, target.site, head, pathname),
  );
  switch (routed.kind) {
    case "output": {
      const { redirectTo, file } = routed.output;
      if (redirectTo !== null)
        return plain(redirect(308, mergeQuery(redirectTo, url.searchParams), routed.headers));
      const source = new FileSource(scope, target.team, file);
      const acceptEncoding = (request.cf?.clientAcceptEncoding as string | undefined) ?? null;
      const { createdAt: lastModified } = target;
      const ask = { method: request.method, header, acceptEncoding, file, lastModified };
      const served = await serveStatic(
        { ...ask, status: routed.status ?? 200, headers: routed.headers },
        (encoding, span) => source.open(encoding, span),
      );
      if (!served.ok) return plain(refuse(request, LOST, scope.requestId));
      return { response: served.response, cache: source.tier, bytes: served.bytes };
    }
    case "redirect":
      return plain(redirect(routed.status, routed.location, routed.headers));
    case "external": {
      const again = (onward: Request) => pipeline(scope, onward, hops + 1);
      const found = await rewriteOutside(scope, request, routed.url, routed.headers, again);
      return plain(found instanceof Problem ? refuse(request, found, scope.requestId) : found);
    }
    case "status":
      return plain(status(scope, request, routed.status, routed.headers));
  }
}

/** What every answer carries, and the one event it leaves. */
function finish(scope: Scope, request: Request, url: URL, target: Target, answer: Answer): void {
  const { response, cache, bytes } = answer;
  response.headers.set("x-cloudify-id", scope.requestId);
  response.headers.set("x-cloudify-deployment", target.deployment);
  if (cache !== "none") {
    // RFC 9211: what was not near was fetched from the store of origin.
    const status = cache === "r2" ? "cloudify; fwd=miss" : `cloudify; hit; detail=${cache}`;
    response.headers.set("cache-status", status);
  }
  if (!target.isProduction) response.headers.set("x-robots-tag", "noindex");
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
    functionMs: null,
    region: null,
    sampled: 1,
  });
}

const plain = (response: Response): Answer => ({ response, cache: "none", bytes: 0 });

function redirect(status: number, location: string, headers: HeaderList): Response {
  const response = new Response(null, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  });
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
  for (const [name, value] of headers) response.headers.set(name, value);
  return response;
}

const LOOP = new Problem("loop_detected", "The rewrites of this site lead in a circle.", {
  fix: "Look at the rewrites that lead to hosts of this platform, or to each other.",
});
const LOST = new Problem("internal", "The bytes of this file could not be read.", { fix: "Deploy again." });
