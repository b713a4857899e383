/** A function of the output answers in an isolate. */
import { type Call, encodeCall } from "#features/functions/call.ts";
import { codeIdOf, type EdgeEntry } from "#features/functions/function.ts";
import { healthKey, NOTED_SECONDS } from "#features/functions/health.ts";
import { systemVariables } from "#features/functions/system.ts";
import { coloOf, onward } from "../functions/onward.ts";
import { outcomeLines } from "../functions/outcome.ts";
import { run } from "../functions/run.ts";
import { tell } from "../functions/tell.ts";
import { type Found, findDeployment } from "../resolution/deployments.ts";
import type { Scope } from "../scope.ts";
import { Lru } from "../storage/lru.ts";
import type { Target } from "../target.ts";
import type { Answered, Asked } from "./call.ts";

const CALLS_BYTES = 4 * 1024 * 1024;

export async function callFunction(
  scope: Scope,
  target: Target,
  asked: Asked,
  entry: EdgeEntry,
): Promise<Answered> {
  const { request, url } = asked;
  const found = await findDeployment(scope, target.deployment);
  const { call, text: encoded } = callOf(scope, target, asked, entry, found);
  const startedAt = scope.clock.now();
  const headers = onward(scope, asked, hostnameOf(asked, found), coloOf(request));
  const { method, body } = request;
  const question = { url: url.href, method, headers, body, hops: asked.hops, call: encoded };
  const running = run(scope, call.id, question).then((ran) => {
    const now = scope.clock.now();
    const ms = now - startedAt;
    if (!ran.ok && ran.problem.code === "function_unresponsive" && ran.retryAfter === null) note(scope, call);
    const { isolate } = ran;
    const where = isolate && `${isolate.isCold ? "cold" : "warm"}, isolate ${isolate.name}`;
    const about = { method, path: url.pathname, ms, where, requestId: scope.requestId, at: now };
    tell(scope, call, outcomeLines(about, ran.ok ? { ok: true, status: ran.made.status } : ran));
    return { ran, ms };
  });
  // A visitor who leaves ends the work on this request, but the call must be seen to its end.
  scope.keepAlive(running.catch(() => undefined));
  const { ran, ms } = await running;
  return ran.ok ? { ok: true, made: ran.made, ms, region: null } : { ...ran, ms, region: null };
}

function note(scope: Scope, { project, name }: Call): void {
  const at = String(scope.clock.now());
  const noted = scope.env.SNAPSHOTS.put(healthKey(project, name), at, { expirationTtl: NOTED_SECONDS });
  scope.keepAlive(noted.catch(() => undefined));
}

const hostnameOf = ({ url }: Asked, found: Found): string =>
  "served" in found ? found.served.hostname : url.hostname;

/** By code id: what of a call is the same each time. */
const calls = new Lru<{ call: Call; text: string }>(CALLS_BYTES);

function callOf(scope: Scope, target: Target, asked: Asked, entry: EdgeEntry, found: Found) {
  const { name } = asked;
  const { team, project, deployment } = target;
  const served = "served" in found ? found.served : null;
  const env = served?.env ?? null;
  const id = codeIdOf(target, name, entry.code, env);
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
