/**
 * Every request to a deployed host, in order: host → release → protection → routing → answer → one traffic event.
 * Stages decide; this page is the only place that knows their order.
 */
import { type HeaderList, setAll } from "#core/headers.ts";
import { Problem } from "#core/problem.ts";
import { MAX_HOPS } from "#features/functions/call.ts";
import { VISITOR_COOKIE, VISITOR_SECONDS } from "#features/pointers/bucket.ts";
import { REGION_COOKIE } from "#features/regions/select.ts";
import { canonicalPath, checkPath, singleSlashed } from "#features/routing/path.ts";
import type { Resolution } from "#features/routing/resolution.ts";
import { resolve } from "#features/routing/resolve.ts";
import type { TrafficEvent } from "#features/traffic/machine.ts";
import { finished, type Made, transformed, withHeaders } from "./answer.ts";
import { unspoofed } from "./functions/unspoofed.ts";
import { refuse } from "./pages.ts";
import { keptRegion } from "./regions/visitor.ts";
import type { Scope } from "./scope.ts";
import { rewriteOutside } from "./stages/external.ts";
import { changed, Middlewares } from "./stages/middleware.ts";
import { asked, outputAnswer, plain, redirect } from "./stages/output.ts";
import { protection } from "./stages/protection.ts";
import type { Answer, Visit } from "./stages/visit.ts";
import { findOutput, type Output } from "./storage/outputs.ts";
import { readSite } from "./storage/sites.ts";
import { findTarget, type Target } from "./target.ts";
import { report } from "./traffic.ts";

/** Answered before routing; an output that holds such files is refused. */
const RESERVED = /^\/(?:_cloudify|\.well-known\/cloudify)(?:\/|$)/;

export async function pipeline(scope: Scope, request: Request, hops = 0): Promise<Response> {
  const url = new URL(request.url);
  if (hops > MAX_HOPS) return refuse(request, LOOP, scope.requestId);
  const path = checkPath(url.pathname);
  if (!path.ok) {
    const problem = new Problem(path.status === 414 ? "uri_too_long" : "bad_request", path.detail);
    return refuse(request, problem, scope.requestId);
  }
  // Everything behind this sees the same spelling: a guard, and what it guards.
  const canonical = canonicalPath(url.pathname);
  if (canonical !== url.pathname) url.pathname = canonical;
  const target = await findTarget(scope, request, url);
  if (target instanceof Problem) return refuse(request, target, scope.requestId);
  const answer = await respond(scope, request, url, target, hops);
  return finish(scope, request, url, target, answer);
}

async function respond(
  scope: Scope,
  given: Request,
  url: URL,
  target: Target,
  hops: number,
): Promise<Answer> {
  protection(target.policy);
  if (RESERVED.test(url.pathname)) {
    return plain(
      refuse(given, new Problem("not_found", "The platform has nothing at this path."), scope.requestId),
    );
  }
  const single = singleSlashed(url.pathname);
  if (single !== null) return plain(redirect(308, `${single}${url.search}`, []));
  const head = await readSite(scope, target.site);
  // Files obey nobody.
  const request = head.functions ? unspoofed(given) : given;
  const visit: Visit = { scope, request, url, target, head, hops };
  const middlewares = new Middlewares(scope, request, target, head, hops);
  const routed = await resolve<Output, Made>(
    asked(visit),
    head.routes,
    (pathname) => findOutput(scope, target.site, head, pathname),
    middlewares.ask,
  );
  const answer = await answerWith(visit, routed);
  const made = transformed(answer.made, routed.responseChanges);
  const functionMs = middlewares.ms === null ? answer.functionMs : middlewares.ms + (answer.functionMs ?? 0);
  return { ...answer, made, functionMs, region: answer.region ?? middlewares.region };
}

async function answerWith(visit: Visit, routed: Resolution<Output, Made>): Promise<Answer> {
  const { scope, request, hops } = visit;
  switch (routed.kind) {
    case "output":
      return outputAnswer(visit, routed);
    case "answer":
      return plain(withHeaders(routed.answer, routed.headers, routed.firm));
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

/** What every answer carries, and the one event it leaves. */
function finish(scope: Scope, request: Request, url: URL, target: Target, answer: Answer): Response {
  const { made, cache, bytes, functionMs, region, rest } = answer;
  const response = finished(made, said(scope, request, url, target, answer));
  const event = {
    at: scope.clock.now(),
    deployment: target.deployment,
    isProduction: target.isProduction,
    status: response.status,
    cache,
    bytesIn: Number(request.headers.get("content-length") ?? 0),
    bytesOut: bytes,
    functionMs,
    region,
  };
  const { project } = target;
  if (!rest) report(scope, project, event);
  else scope.keepAlive(rest.then((more) => report(scope, project, withRest(event, more))));
  return response;
}

const withRest = (event: TrafficEvent, rest: Pick<TrafficEvent, "functionMs" | "region">): TrafficEvent => ({
  ...event,
  functionMs: rest.functionMs === null ? event.functionMs : (event.functionMs ?? 0) + rest.functionMs,
  region: rest.region ?? event.region,
});

function said(
  scope: Scope,
  request: Request,
  url: URL,
  target: Target,
  { cache, region }: Answer,
): HeaderList {
  const list: HeaderList = [
    ["x-cloudify-id", scope.requestId],
    ["x-cloudify-deployment", target.deployment],
  ];
  // RFC 9211: what was not near was fetched from the store of origin.
  if (cache !== "none")
    list.push(["cache-status", cache === "r2" ? "cloudify; fwd=miss" : `cloudify; hit; detail=${cache}`]);
  if (!target.isProduction) list.push(["x-robots-tag", "noindex"]);
  const secure = url.protocol === "https:" ? "; Secure" : "";
  if (region !== null) {
    list.push(["x-cloudify-region", region], ["x-vercel-id", `${region}::${scope.requestId}`]);
    const isKept = target.policy.affinity === "region" && keptRegion(request) !== region;
    if (isKept)
      list.push(["set-cookie", `${REGION_COOKIE}=${region}; Path=/; HttpOnly; SameSite=Lax${secure}`]);
  }
  if (target.visitor !== undefined) {
    const cookie = `${VISITOR_COOKIE}=${target.visitor}; Path=/; Max-Age=${VISITOR_SECONDS}; HttpOnly; SameSite=Lax${secure}`;
    list.push(["set-cookie", cookie]);
  }
  return list;
}

/** A status that a route gave, or that nothing was found. */
function status(scope: Scope, request: Request, code: number, headers: HeaderList): Response {
  const isDenied = headers.some(([name]) => name === "x-cloudify-mitigated");
  const problem = isDenied ? DENIED : code === 404 ? NOTHING : code === 508 ? LOOP : null;
  const response = problem ? refuse(request, problem, scope.requestId) : new Response(null, { status: code });
  setAll(response.headers, headers);
  return response;
}

const NOTHING = new Problem("not_found", "This page does not exist.");
const LOOP = new Problem("loop_detected", "The rewrites of this site lead in a circle.", {
  fix: "Look at the rewrites that lead to hosts of this platform, or to each other.",
});
const DENIED = new Problem("mitigated", "A route of this site denies this request.");
