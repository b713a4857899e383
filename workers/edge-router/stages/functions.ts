/** A function of the output answers: what it is told of the request, and what is told of it in the log. */
import type { Problem } from "#core/problem.ts";
import { type Call, encodeCall } from "#features/functions/call.ts";
import { codeIdOf, type EdgeEntry } from "#features/functions/function.ts";
import { geoHeaders } from "#features/functions/geo.ts";
import { healthKey, NOTED_SECONDS } from "#features/functions/health.ts";
import { systemVariables } from "#features/functions/system.ts";
import type { Mask } from "#features/logs/mask.ts";
import type { RequestChange } from "#features/routing/transforms.ts";
import type { Made } from "../answer.ts";
import { LogBuffer } from "../functions/lines.ts";
import { knownMask, maskOf } from "../functions/masks.ts";
import { outcomeLines } from "../functions/outcome.ts";
import { type Question, run } from "../functions/run.ts";
import { writeLines } from "../functions/sink.ts";
import type { Traced } from "../functions/traced.ts";
import { type Found, findDeployment } from "../resolution/deployments.ts";
import type { Scope } from "../scope.ts";
import { Lru } from "../storage/lru.ts";
import type { Target } from "../target.ts";

export interface Asked {
  request: Request;
  /** As the visitor sees it, with the query that routes have added. */
  url: URL;
  name: string;
  entry: EdgeEntry;
  /** What middlewares have changed, in order. */
  changes: readonly RequestChange[];
  hops: number;
}

export type Answered =
  | { ok: true; made: Made; ms: number }
  | { ok: false; problem: Problem; retryAfter: number | null; ms: number };

const CALLS_BYTES = 4 * 1024 * 1024;

const logs = new LogBuffer();

export async function callFunction(scope: Scope, target: Target, asked: Asked): Promise<Answered> {
  const { request, url } = asked;
  const found = await findDeployment(scope, target.deployment);
  const { call, text: encoded } = callOf(scope, target, asked, found);
  const startedAt = scope.clock.now();
  const question = { ...outgoing(scope, asked, hostnameOf(asked, found)), call: encoded };
  const about = { method: request.method, path: url.pathname, requestId: scope.requestId };
  const running = run(scope, call.id, question).then((ran) => {
    const now = scope.clock.now();
    const ms = now - startedAt;
    if (!ran.ok && ran.problem.code === "function_unresponsive" && ran.retryAfter === null) note(scope, call);
    const ended = ran.ok ? { ...ran, status: ran.made.status } : ran;
    tell(scope, call, outcomeLines({ ...about, ms, at: now }, ended));
    return { ran, ms };
  });
  // A visitor who leaves ends the work on this request, but the call must be seen to its end.
  scope.keepAlive(running.catch(() => undefined));
  const { ran, ms } = await running;
  return ran.ok ? { ok: true, made: ran.made, ms } : { ...ran, ms };
}

function note(scope: Scope, { project, name }: Call): void {
  const at = String(scope.clock.now());
  const noted = scope.env.SNAPSHOTS.put(healthKey(project, name), at, { expirationTtl: NOTED_SECONDS });
  scope.keepAlive(noted.catch(() => undefined));
}

/** Without its environment nothing is told of it: the line might show it. */
function tell(scope: Scope, call: Call, lines: readonly Traced[]): void {
  const add = (mask: Mask) =>
    logs.add(call, lines, mask, (deployment, batch) => writeLines(scope.env, deployment, batch));
  const known = knownMask(call.team, call.env);
  const written = known ? add(known) : maskOf(scope.env, call.team, call.env).then(add);
  if (written) scope.keepAlive(written.catch(() => undefined));
}

const hostnameOf = ({ url }: Asked, found: Found): string =>
  "served" in found ? found.served.hostname : url.hostname;

/** By code id: what of a call is the same each time. */
const calls = new Lru<{ call: Call; text: string }>(CALLS_BYTES);

function callOf(scope: Scope, { team, project, deployment }: Target, asked: Asked, found: Found) {
  const { name, entry } = asked;
  const served = "served" in found ? found.served : null;
  const env = served?.env ?? null;
  const id = codeIdOf(deployment, name, entry.code, env);
  const held = served ? calls.get(id) : undefined;
  if (held) return held;
  const isDevelopment = scope.env.DEVELOPMENT_HOST !== undefined;
  const system = systemVariables({
    deployment,
    project,
    url: isDevelopment ? asked.url.host : hostnameOf(asked, found),
    target: isDevelopment ? "development" : (served?.target ?? "preview"),
    branch: served?.branch ?? null,
  });
  const call: Call = { id, team, project, deployment, name, code: entry.code, env, system };
  const made = { call, text: encodeCall(call) };
  // One that can't be found at the moment is called with guesses.
  if (served) calls.set(id, made, made.text.length * 2);
  return made;
}

function outgoing(
  scope: Scope,
  { request, url, name, changes, hops }: Asked,
  hostname: string,
): Omit<Question, "call"> {
  const given = changes.reduce<Headers>((so, change) => change.apply(so), request.headers);
  const headers = new Headers(given);
  for (const header of given.keys())
    if (header.startsWith("x-cloudify-") || header.startsWith("x-vercel-")) headers.delete(header);
  const ip = headers.get("cf-connecting-ip") ?? "";
  const { cf = {} } = request;
  const encodings = cf.clientAcceptEncoding as string | undefined;
  if (encodings) headers.set("accept-encoding", encodings);
  const set: [string, string][] = [
    ["x-forwarded-for", ip],
    ["x-real-ip", ip],
    ["x-vercel-forwarded-for", ip],
    ["x-forwarded-host", url.host],
    ["x-forwarded-proto", url.protocol.slice(0, -1)],
    ["x-vercel-id", `${regionOf(cf as Record<string, unknown>)}::${scope.requestId}`],
    ["x-cloudify-request-id", scope.requestId],
    ["x-vercel-deployment-url", hostname],
    ["x-matched-path", `/${name}`],
    ...geoHeaders(cf as Record<string, unknown>),
  ];
  headers.delete("forwarded");
  for (const [key, value] of set) {
    if (value !== "") headers.set(key, value);
    else headers.delete(key);
  }
  return { url: url.href, method: request.method, headers, body: request.body, hops };
}

/** As libraries read it from `x-vercel-id`; `dev1` is what they call a machine of one's own. */
const regionOf = ({ colo }: Record<string, unknown>): string =>
  typeof colo === "string" && colo !== "" ? colo.toLowerCase() : "dev1";
