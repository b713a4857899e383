/** The REST API: every feature's contract, behind its guards, and one way to say what went wrong. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { httpDate } from "#core/headers.ts";
import { newId } from "#core/ids.ts";
import { logText } from "#core/log.ts";
import { Problem } from "#core/problem.ts";
import { readRest } from "#core/rest.ts";
import type { Seams } from "#features/base.ts";
import { mountAgent } from "./agent/routes.ts";
import { findFullDisk } from "./disk.ts";
import { PAGE_POLICY, referencePage } from "./docs.ts";
import { documentOf } from "./document.ts";
import type { ApiEnv } from "./env.ts";
import { mountFeatures } from "./handlers.ts";
import { invalid, toProblem } from "./problems.ts";

/** Of every reply that does not say otherwise: it is nobody's page, frame, script or cached copy. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export function createApp(seams: Seams): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.error.issues);
    },
  });

  app.use(async (c, next) => {
    const now = seams.clock.now();
    const requestId = newId("request", now, seams.random);
    c.set("requestId", requestId);
    c.set("seams", seams);
    await next();
    c.header("x-request-id", requestId);
    c.header("date", httpDate(now));
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name)) c.header(name, value);
    }
  });
  mountFeatures(app);
  mountAgent(app);
  app.get("/", (c) => c.redirect("/api/docs"));
  app.get("/api/openapi.json", (c) => c.json(documentOf(app, c.env.PUBLIC_ORIGIN)));
  app.get("/api/docs", (c) => {
    c.header("content-security-policy", PAGE_POLICY);
    return c.html(referencePage(documentOf(app, c.env.PUBLIC_ORIGIN)));
  });

  app.notFound(async (c) => {
    await readRest(c.req.raw);
    return absent(app, c);
  });
  app.onError(async (error, c) => {
    await readRest(c.req.raw);
    const problem = await findFullDisk(toProblem(error), c.env.DISK);
    if (problem.status >= 500) log(c, problem, error);
    const response = problem.toResponse(c.get("requestId"));
    if (problem.status === 401) response.headers.set("www-authenticate", 'Bearer realm="cloudify"');
    if (problem.code === "idempotency_in_progress") response.headers.set("retry-after", "1");
    return response;
  });
  return app;
}

/** Tells a wrong method from a path that is not there. */
function absent(app: OpenAPIHono<ApiEnv>, c: Context<ApiEnv>): Response {
  const taken = app.routes.filter((route) => route.method !== "ALL" && pathMatches(route.path, c.req.path));
  if (taken.length === 0) {
    const problem = new Problem("not_found", "The API has nothing at this path.", {
      fix: "See /api/docs for all operations.",
    });
    return problem.toResponse(c.get("requestId"));
  }
  const methods = [...new Set(taken.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : method)))];
  const problem = new Problem("method_not_allowed", `${c.req.method} is not allowed here.`, {
    fix: `This path takes ${methods.join(", ")}; see /api/docs.`,
  });
  const response = problem.toResponse(c.get("requestId"));
  response.headers.set("allow", methods.join(", "));
  return response;
}

function pathMatches(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const given = path.split("/");
  return (
    parts.length === given.length &&
    parts.every((part, i) => (part.startsWith(":") ? given[i] !== "" : part === given[i]))
  );
}

function log(c: Context<ApiEnv>, problem: Problem, error: unknown): void {
  const cause = problem.cause ?? error;
  const text = logText(cause);
  const about = { method: c.req.method, path: c.req.path, requestId: c.get("requestId"), code: problem.code };
  console.error(JSON.stringify({ level: "error", at: "api", ...about, error: text }));
}
