/** The REST API: every feature's contract, behind authentication, limits and one way to say what went wrong. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { makeCommit } from "#core/commit.ts";
import type { Base, Ctx } from "#core/ctx.ts";
import { type Id, newId } from "#core/ids.ts";
import { Problem } from "#core/problem.ts";
import { systemClock, systemRandom } from "#core/time.ts";
import { authenticate } from "#features/accounts/service.ts";
import { makeBase } from "#features/base.ts";
import { referencePage } from "./docs.ts";
import { documentOf } from "./document.ts";
import type { ApiEnv } from "./env.ts";
import { mountFeatures } from "./handlers.ts";
import { invalid, toProblem } from "./problems.ts";

const MAX_JSON_BYTES = 16 * 1024 * 1024;
/** Operations that need no token. */
const OPEN = new Set(["/api/health", "/api/openapi.json", "/api/docs", "/"]);

export function createApp(): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.error.issues);
    },
  });

  app.use(async (c, next) => {
    const requestId = newId("request", systemClock().now(), systemRandom);
    c.set("requestId", requestId);
    await next();
    c.header("x-request-id", requestId);
    c.header("date", new Date(systemClock().now()).toUTCString());
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "no-referrer");
    c.header("x-frame-options", "DENY");
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  });
  app.use("/api/*", async (c, next) => {
    checkBody(c);
    if (!OPEN.has(c.req.path)) c.set("ctx", await contextOf(c));
    await next();
  });
  mountFeatures(app);
  app.get("/", (c) => c.redirect("/api/docs"));
  app.get("/api/openapi.json", (c) => c.json(documentOf(app, c.env.PUBLIC_ORIGIN)));
  app.get("/api/docs", (c) => c.html(referencePage(documentOf(app, c.env.PUBLIC_ORIGIN))));

  app.notFound((c) => absent(app, c).toResponse(c.get("requestId")));
  app.onError((error, c) => {
    const problem = toProblem(error);
    if (problem.status >= 500) log(c, problem, error);
    const response = problem.toResponse(c.get("requestId"));
    if (problem.status === 401) response.headers.set("www-authenticate", 'Bearer realm="cloudify"');
    if (problem.code === "idempotency_in_progress") response.headers.set("retry-after", "1");
    return response;
  });
  return app;
}

async function contextOf(c: Context<ApiEnv>): Promise<Ctx> {
  const base: Base = makeBase(c.env, (work) => c.executionCtx.waitUntil(work));
  const secret = /^Bearer ([A-Za-z0-9_]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (secret === undefined) {
    throw new Problem("unauthenticated", "This needs a token.", {
      fix: "Send `authorization: Bearer <token>`; `cloudify login --token …` keeps it for the CLI.",
    });
  }
  const { token, team } = await authenticate(base, secret);
  const actor = {
    type: "token" as const,
    id: token.id as Id<"token">,
    role: token.role,
    scopes: token.scopes,
  };
  const about = { team: team.id as Id<"team">, actor, requestId: c.get("requestId") };
  return { ...base, ...about, commit: makeCommit({ ...base, ...about }) };
}

/** Before anything reads it: a body that is too large, or not what the API takes. */
function checkBody(c: Context<ApiEnv>): void {
  const { method, path } = c.req;
  if (method === "GET" || method === "HEAD" || path.startsWith("/api/blobs/")) return;
  const length = Number(c.req.header("content-length") ?? 0);
  if (length > MAX_JSON_BYTES) {
    throw new Problem("too_large", `A JSON body may have ${MAX_JSON_BYTES} bytes, not ${length}.`, {
      fix: "A deployment has at most 25,000 files; upload bytes to /api/blobs.",
    });
  }
  const type = c.req.header("content-type");
  const hasBody = length > 0 || c.req.header("transfer-encoding") !== undefined;
  if (hasBody && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type ?? "")) {
    throw new Problem("unsupported_media_type", `The API takes JSON, not ${type ?? "an unnamed type"}.`, {
      fix: "Send `content-type: application/json`.",
    });
  }
}

/** Tells a wrong method from a path that is not there. */
function absent(app: OpenAPIHono<ApiEnv>, c: Context<ApiEnv>): Problem {
  const other = app.routes.find(
    (route) => route.method !== "ALL" && route.method !== c.req.method && pathMatches(route.path, c.req.path),
  );
  if (other) {
    return new Problem("method_not_allowed", `${c.req.method} is not allowed here.`, {
      fix: "See /api/docs for what this path takes.",
    });
  }
  return new Problem("not_found", "The API has nothing at this path.", {
    fix: "See /api/docs for all operations.",
  });
}

function pathMatches(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const given = path.split("/");
  return parts.length === given.length && parts.every((part, i) => part.startsWith(":") || part === given[i]);
}

function log(c: Context<ApiEnv>, problem: Problem, error: unknown): void {
  const cause = problem.cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const about = { method: c.req.method, path: c.req.path, requestId: c.get("requestId"), code: problem.code };
  console.error(JSON.stringify({ level: "error", at: "api", ...about, error: text }));
}
