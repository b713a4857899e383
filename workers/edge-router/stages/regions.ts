/**
 * A function of the output answers in a region: the nearest that stands well, or the next when that does not answer and
 * asking another repeats nothing, or nothing that matters. Once a byte was passed on, nothing is tried again.
 */
import { COLD_HEADER, FUNCTION_HEADER, WORKLOAD_PREFIX, workloadId } from "@cloudify/protocol";
import { HOP_BY_HOP } from "#core/headers.ts";
import { SECOND } from "#core/time.ts";
import { longestOf } from "#features/functions/durations.ts";
import type { NodeEntry } from "#features/functions/function.ts";
import { type Ending, isIdempotent, isOfRegion, verdictOf } from "#features/regions/failover.ts";
import { ranked } from "#features/regions/select.ts";
import { accepted, type Made } from "../answer.ts";
import { headOf, isShort, limited } from "../functions/answers.ts";
import { onward } from "../functions/onward.ts";
import { outcomeLines } from "../functions/outcome.ts";
import { tell } from "../functions/tell.ts";
import { type Attempted, attempt } from "../regions/attempt.ts";
import { Body } from "../regions/body.ts";
import { Kept } from "../regions/kept.ts";
import { noRegion, notPlaced, problemOf, type Refused, tooManyHeaders } from "../regions/problems.ts";
import { probe } from "../regions/reach.ts";
import { candidateOf, entered, heard, lost } from "../regions/states.ts";
import { visitorOf } from "../regions/visitor.ts";
import { findDeployment } from "../resolution/deployments.ts";
import { findRegions, type Region } from "../resolution/regions.ts";
import type { Scope } from "../scope.ts";
import type { Target } from "../target.ts";
import type { Answered, Asked } from "./call.ts";

/** Of all bodies together, in bytes: a quarter of what Cloudflare gives an isolate. */
const kept = new Kept(32 * 1024 * 1024);

interface Tried {
  region: Region;
  ending: Attempted;
}

export async function callWorkload(
  scope: Scope,
  target: Target,
  asked: Asked,
  entry: NodeEntry,
): Promise<Answered> {
  const startedAt = scope.clock.now();
  const found = await findDeployment(scope, target.deployment);
  const served = "served" in found ? found.served : found.coming;
  // Only those: another region may be another team's, which would get to see what visitors send.
  const named = served?.pinned?.[entry.group] ?? served?.regions ?? null;
  const regions = await findRegions(scope, named ?? []);
  const calling = tryAll(scope, target, asked, entry, {
    regions,
    failover: served?.failover?.[entry.group] ?? [],
    hostname: served?.hostname ?? asked.url.hostname,
  });
  // A visitor who leaves ends the work on this request, but what its region came to must be learnt.
  scope.keepAlive(calling.catch(() => undefined));
  const tried = await calling;
  const ms = scope.clock.now() - startedAt;
  const last = tried.at(-1);
  const result = named === null ? notPlaced : resultOf(scope, last, entry);
  const about = { method: asked.request.method, path: asked.url.pathname, ms, where: whereOf(tried) };
  const lines = outcomeLines(
    { ...about, requestId: scope.requestId, at: scope.clock.now() },
    result.ok ? { ok: true, status: result.made.status } : { ...result, linesLost: false },
  );
  const { team, deployment } = target;
  tell(scope, { team, deployment, name: asked.name, env: served?.env ?? null }, lines);
  return { ...result, ms, region: last && hasSpoken(last.ending) ? last.region.name : null };
}

interface Ways {
  /** In failover order. */
  regions: readonly Region[];
  /** Ids of those that are asked only when none of the others can serve. */
  failover: readonly string[];
  /** Of the deployment itself. */
  hostname: string;
}

async function tryAll(
  scope: Scope,
  { deployment, policy }: Target,
  asked: Asked,
  { group, maxDuration }: NodeEntry,
  { regions, failover, hostname }: Ways,
): Promise<Tried[]> {
  const { request, url, name } = asked;
  const { method } = request;
  const workload = workloadId(deployment, group);
  const mayRepeat = isIdempotent(method);
  const now = scope.clock.now();
  const candidates = regions.map((region) => ({
    ...candidateOf(region, workload, mayRepeat, now),
    isFailover: failover.includes(region.id),
  }));
  const order = ranked(candidates, visitorOf(request, policy, regions)).map((one) => one.region);
  probe(scope, regions);
  const [only] = order;
  // Where there is but one, a connection that had just been given up by its other end is worth a second try.
  if (only && order.length === 1 && mayRepeat) order.push(only);
  const until = now + longestOf(maxDuration);
  const body = new Body(request, order.length > 1 ? kept.shareOf(scope.clock, until) : null);
  const path = `${WORKLOAD_PREFIX}${deployment}/${group}${url.pathname}${url.search}`;
  const tried: Tried[] = [];
  for (const region of order) {
    const limit = Math.min(maxDuration * SECOND, until - scope.clock.now());
    if (limit <= 0) break;
    entered(region, scope.clock.now());
    const headers = onward(scope, asked, hostname, region.name);
    const isUpgrade = headers.get("upgrade")?.toLowerCase() === "websocket";
    for (const one of HOP_BY_HOP) if (!(isUpgrade && one === "upgrade")) headers.delete(one);
    headers.set(FUNCTION_HEADER, name);
    const ending = await attempt(scope, region, { path, method, headers, body, limit });
    tried.push({ region, ending });
    learn(scope, region, workload, ending, body);
    if (ending.kind === "answered" || verdictOf(ending, method, body.isWhole) === "end") break;
  }
  body.end();
  return tried;
}

function learn(scope: Scope, region: Region, workload: string, ending: Attempted, body: Body): void {
  const now = scope.clock.now();
  // One that was lost on the way is not asked for there again at once, and is no reason to doubt the region.
  const fault = ending.kind === "fault" ? ending.fault : ending.kind === "bad-gateway" ? "unreachable" : null;
  if (ending.kind === "answered" || fault) heard(region, workload, fault, now);
  // A visitor who breaks off the body breaks the call.
  else if (!body.isBroken && isOfRegion(ending)) lost(region, now);
}

function resultOf(
  scope: Scope,
  last: Tried | undefined,
  { maxDuration }: NodeEntry,
): { ok: true; made: Made } | Refused {
  if (!last) return noRegion;
  const { region, ending } = last;
  if (ending.kind !== "answered") return problemOf(ending, region.name, maxDuration);
  const { found } = ending;
  const headers = headOf(found.headers);
  if (headers === null) {
    scope.keepAlive(found.body?.cancel() ?? Promise.resolve());
    return tooManyHeaders;
  }
  for (const name of HOP_BY_HOP) headers.delete(name);
  const { status, webSocket } = found;
  if (webSocket) return { ok: true, made: accepted(webSocket, headers) };
  const body = isShort(found) ? found.body : limited(scope, found, longestOf(maxDuration));
  return { ok: true, made: { status, headers, body, encodeBody: "manual" } };
}

/** A function, or the ingress in its place. */
const hasSpoken = (ending: Attempted | Ending): boolean =>
  ending.kind === "answered" || ending.kind === "fault" || ending.kind === "bad-gateway";

/** `cold 310 ms, region iad after fra (refused)` */
function whereOf(tried: readonly Tried[]): string | null {
  const last = tried.at(-1);
  if (!last) return null;
  const { region, ending } = last;
  const cold = ending.kind === "answered" ? ending.found.headers.get(COLD_HEADER) : null;
  const ms = /^cold (\d+)/.exec(cold ?? "")?.[1];
  const before = tried.slice(0, -1).map((one) => `${one.region.name} (${wordOf(one.ending)})`);
  const after = before.length === 0 ? "" : ` after ${before.join(", ")}`;
  return `${ms === undefined ? "" : `cold ${ms} ms, `}region ${region.name}${after}`;
}

const wordOf = (ending: Attempted): string => (ending.kind === "fault" ? ending.fault : ending.kind);
