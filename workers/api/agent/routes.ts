/** What agents call: docs/agent-protocol.md. Each call is checked here, and decided by the region's object. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import type { z } from "zod";
import { Problem } from "#core/problem.ts";
import { makeBase } from "#features/base.ts";
import { reach } from "#features/deployments/objects.ts";
import * as builds from "#features/regions/builds.ts";
import { type Caller, callerOf } from "#features/regions/caller.ts";
import { heard } from "#features/regions/denied.ts";
import { exchange, lease } from "#features/regions/lease-service.ts";
import { takeLines } from "#features/regions/lines.ts";
import { blob, material } from "#features/regions/material.ts";
import type { ApiEnv } from "../env.ts";
import { jsonGuards } from "../guard.ts";
import { invalid } from "../problems.ts";
import * as schemas from "./schemas.ts";

const MIB = 1024 * 1024;
/** Of what is small by its nature, and of lists of files and lines. */
const small = jsonGuards(MIB);
const large = jsonGuards(16 * MIB);

type Answer = (caller: Caller, c: Context<ApiEnv>) => Promise<object>;

export function mountAgent(app: OpenAPIHono<ApiEnv>): void {
  const post = (path: string, guards: MiddlewareHandler<ApiEnv>[], answer: Answer) => {
    app.on("POST", [`/agent/v1/${path}`], ...guards, async (c) =>
      c.json(await answer(await caller(c, "cfya"), c)),
    );
  };
  const get = (path: string, answer: Answer) =>
    app.get(`/agent/v1/${path}`, async (c) => {
      const answered = await answer(await caller(c, "cfya"), c);
      return answered instanceof Response ? answered : c.json(answered);
    });

  app.use("/agent/v1/exchange", ...small);
  app.post("/agent/v1/exchange", async (c) => {
    const by = await caller(c, "cfyr");
    return c.json(await exchange(by, await body(c, schemas.Exchange)));
  });
  post("lease", small, async (by, c) => lease(by, await body(c, schemas.Lease)));
  get("feed", async ({ stub, credential }, c) => {
    const asked = parse(schemas.Feed, c.req.query());
    return heard(await reach(async () => await stub.readFeed(credential, asked))).answer;
  });
  post("status", large, async ({ stub, credential }, c) => {
    const report = await body(c, schemas.Status);
    heard(await reach(async () => await stub.report(credential, report)));
    return {};
  });
  post("logs", large, async (by, c) => takeLines(by, await body(c, schemas.Logs)));
  post("tasks/claim", small, async ({ stub, credential }, c) => {
    const request = await body(c, schemas.Claim);
    const { tasks } = heard(await reach(async () => await stub.claim(credential, request)));
    return { tasks };
  });
  post("tasks/:task/heartbeat", small, async ({ stub, credential }, c) => {
    const request = await body(c, schemas.Heartbeat);
    const id = nameOf(c, "task");
    const { isOver } = heard(await reach(async () => await stub.heartbeat(credential, id, request)));
    return { isOver };
  });
  post("tasks/:task/complete", large, async (by, c) =>
    builds.complete(by, nameOf(c, "task"), await body(c, schemas.Complete)),
  );
  get("tasks/:task/environment", (by, c) => builds.environment(by, attemptOf(c)));
  post("tasks/:task/blobs", large, async (by, c) =>
    builds.missing(by, attemptOf(c), await body(c, schemas.Missing)),
  );
  app.put("/agent/v1/tasks/:task/blobs", async (c) =>
    c.json(await builds.putBlobs(await caller(c, "cfya"), attemptOf(c), c.req.raw), 201),
  );
  app.put("/agent/v1/tasks/:task/blobs/:sha256", async (c) => {
    const sha256 = parse(schemas.digest, nameOf(c, "sha256"));
    return c.json(await builds.putBlob(await caller(c, "cfya"), attemptOf(c), sha256, c.req.raw), 201);
  });
  get("workloads/:workload", (by, c) => material(by, nameOf(c, "workload")));
  get("blobs/:team/:sha256", (by, c) =>
    blob(by, nameOf(c, "team"), parse(schemas.digest, nameOf(c, "sha256"))),
  );
}

async function caller(c: Context<ApiEnv>, kind: "cfyr" | "cfya"): Promise<Caller> {
  const base = makeBase(c.env, c.get("seams"), (work) => c.executionCtx.waitUntil(work));
  const secret = /^Bearer +([A-Za-z0-9_]{1,200})$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (secret === undefined) {
    throw new Problem("unauthenticated", "An agent's call needs its credential.", {
      fix: "Send `authorization: Bearer <credential>`; POST /agent/v1/exchange makes one of a region's token.",
    });
  }
  return callerOf(base, kind, secret, c.get("requestId"));
}

const nameOf = (c: Context<ApiEnv>, name: string): string => c.req.param(name) ?? "";

const attemptOf = (c: Context<ApiEnv>) => ({
  id: nameOf(c, "task"),
  ...parse(schemas.Attempt, c.req.query()),
});

async function body<T>(c: Context<ApiEnv>, schema: z.ZodType<T>): Promise<T> {
  const json: unknown = await c.req.json().catch((cause: unknown) => {
    if (cause instanceof Problem) throw cause;
    throw new Problem("invalid_json", "The body is not valid JSON.", { fix: "Send JSON in UTF-8.", cause });
  });
  return parse(schema, json);
}

/** Fields that nobody knows are left out: an agent may be newer than the platform. */
function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(parsed.error.issues);
  return parsed.data;
}
