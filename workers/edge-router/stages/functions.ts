/** A function of the output answers: what it is told of the request, and what is told of it in the log. */
import type { Problem } from "#core/problem.ts";
import { KEY_HEADER } from "#features/functions/call.ts";
import { codeIdOf, type FunctionEntry } from "#features/functions/function.ts";
import { geoHeaders } from "#features/functions/geo.ts";
import { healthKey, NOTED_SECONDS } from "#features/functions/health.ts";
import { systemVariables } from "#features/functions/system.ts";
import type { Level } from "#features/logs/policy.ts";
import type { RequestChange } from "#features/routing/transforms.ts";
import { LogBuffer } from "../functions/lines.ts";
import { run } from "../functions/run.ts";
import { writeLines } from "../functions/sink.ts";
import { findDeployment } from "../resolution/deployments.ts";
import type { Scope } from "../scope.ts";
import type { Target } from "../target.ts";

export interface Asked {
  request: Request;
  /** As the visitor sees it, with the query that routes have added. */
  url: URL;
  name: string;
  entry: FunctionEntry;
  /** What middlewares have changed, in order. */
  changes: readonly RequestChange[];
  hops: number;
}

export type Answered =
  | { ok: true; response: Response; ms: number }
  | { ok: false; problem: Problem; retryAfter: number | null; ms: number };

const logs = new LogBuffer();

export async function callFunction(scope: Scope, target: Target, asked: Asked): Promise<Answered> {
  const { request, url, name, entry, hops } = asked;
  const found = await findDeployment(scope, target.deployment);
  const served = "served" in found ? found.served : null;
  const env = served?.env ?? null;
  const { team, project, deployment } = target;
  const system = systemVariables({
    deployment,
    project,
    url: served?.hostname ?? url.hostname,
    target: served?.target ?? "preview",
    branch: served?.branch ?? null,
  });
  const id = codeIdOf(deployment, name, entry.code, env);
  const call = {
    id,
    team,
    project,
    deployment,
    name,
    code: entry.code,
    env,
    system,
    requestId: scope.requestId,
    hops,
  };
  const startedAt = scope.clock.now();
  const ran = await run(scope, call, outgoing(scope, asked, served?.hostname ?? url.hostname));
  const ms = scope.clock.now() - startedAt;
  if (!ran.ok && ran.problem.code === "function_unresponsive" && ran.retryAfter === null) {
    const at = String(scope.clock.now());
    const noted = scope.env.SNAPSHOTS.put(healthKey(project, name), at, { expirationTtl: NOTED_SECONDS });
    scope.keepAlive(noted.catch(() => undefined));
  }
  const status = ran.ok ? ran.response.status : ran.problem.status;
  const start = ran.ok
    ? ran.isCold
      ? ", cold"
      : ", warm"
    : ` (${ran.problem.code}: ${ran.problem.message})`;
  const level: Level = status >= 500 ? "error" : "info";
  const text = `${request.method} ${url.pathname} ${status} in ${ms} ms${start}`;
  scope.keepAlive(
    logs
      .add(call, [{ level, text, at: scope.clock.now() }], [], (of, lines) =>
        writeLines(scope.env, of, lines),
      )
      .catch(() => undefined),
  );
  return ran.ok ? { ok: true, response: ran.response, ms } : { ...ran, ms };
}

function outgoing(scope: Scope, { request, url, name, changes }: Asked, hostname: string): Request {
  let headers = new Headers(request.headers);
  for (const change of changes) headers = change.apply(headers);
  for (const header of [...headers.keys()])
    if (/^x-(?:cloudify|vercel)-/.test(header)) headers.delete(header);
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
  for (const [key, value] of set) if (value !== "") headers.set(key, value);
  headers.delete(KEY_HEADER);
  const { method, body } = request;
  const init = { method, headers, redirect: "manual" as const };
  return new Request(url, body === null ? init : { ...init, body });
}

/** As libraries read it from `x-vercel-id`; `dev1` is what they call a machine of one's own. */
const regionOf = ({ colo }: Record<string, unknown>): string =>
  typeof colo === "string" && colo !== "" ? colo.toLowerCase() : "dev1";
