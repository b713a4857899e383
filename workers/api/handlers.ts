/** Which verb answers which operation: the only place that joins contracts and services. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import * as accounts from "#features/accounts/service.ts";
import * as audit from "#features/audit/service.ts";
import { putPack } from "#features/blobs/pack.ts";
import * as parts from "#features/blobs/parts.ts";
import * as blobs from "#features/blobs/service.ts";
import { contracts } from "#features/contracts.ts";
import * as create from "#features/deployments/create.ts";
import * as move from "#features/deployments/move.ts";
import * as read from "#features/deployments/read.ts";
import { remove as removeDeployment } from "#features/deployments/remove.ts";
import * as envVars from "#features/env-vars/service.ts";
import { deploy as deployFunction } from "#features/functions/deploy.ts";
import * as functions from "#features/functions/service.ts";
import * as logs from "#features/logs/service.ts";
import * as projects from "#features/projects/service.ts";
import * as regions from "#features/regions/service.ts";
import * as rollouts from "#features/rollouts/service.ts";
import * as traffic from "#features/traffic/service.ts";
import type { ApiEnv } from "./env.ts";
import { mount } from "./mount.ts";

const VERSION = "0.1.0";

export function mountFeatures(app: OpenAPIHono<ApiEnv>): void {
  mount(app, "accounts", contracts.accounts, {
    health: async () => ({ status: "ok" as const, version: VERSION }),
    me: (ctx) => accounts.me(ctx),
    listTeams: (ctx) => accounts.listTeams(ctx),
    createTeam: (ctx, { body }) => accounts.createTeam(ctx, body),
    listTokens: (ctx, { query }) => accounts.listTokens(ctx, query),
    createToken: (ctx, { body }) => accounts.createToken(ctx, body),
    revokeToken: (ctx, { params }) => accounts.revokeToken(ctx, params.token),
  });
  mount(app, "projects", contracts.projects, {
    list: (ctx, { query }) => projects.list(ctx, query),
    create: (ctx, { body }) => projects.create(ctx, body),
    get: (ctx, { params }) => projects.get(ctx, params.project),
    update: (ctx, { params, body }) => projects.update(ctx, params.project, body),
    remove: (ctx, { params }) => projects.remove(ctx, params.project),
  });
  mount(app, "deployments", contracts.deployments, {
    create: (ctx, { params, body }) => create.create(ctx, params.project, body),
    list: (ctx, { params, query }) => read.list(ctx, params.project, query),
    get: (ctx, { params }) => read.get(ctx, params.deployment),
    cancel: (ctx, { params }) => move.cancel(ctx, params.deployment),
    promote: (ctx, { params, body }) => move.promote(ctx, params.deployment, body ?? {}),
    rollback: (ctx, { params, body }) =>
      move.rollback(ctx, params.project, body?.deploymentId, body?.ifEpoch),
    rollout: (ctx, { params, body }) => move.rollout(ctx, params.project, body),
    redeploy: (ctx, { params, body }) => create.redeploy(ctx, params.deployment, body?.target),
    remove: (ctx, { params, query }) => removeDeployment(ctx, params.deployment, query.replacement),
    events: (ctx, { params, query, request }) => {
      const sse = request.headers.get("accept")?.includes("text/event-stream") ?? false;
      const last = Number(request.headers.get("last-event-id") ?? 0);
      return logs.events(ctx, params.deployment, { ...query, after: Math.max(query.after, last || 0), sse });
    },
  });
  mount(app, "rollouts", contracts.rollouts, {
    get: (ctx, { params }) => rollouts.get(ctx, params.project),
    advance: (ctx, { params, body }) => rollouts.advance(ctx, params.project, body?.ifEpoch),
    abort: (ctx, { params, body }) => rollouts.abort(ctx, params.project, body?.ifEpoch),
  });
  mount(app, "functions", contracts.functions, {
    list: (ctx, { query }) => functions.list(ctx, query),
    deploy: (ctx, { body }) => deployFunction(ctx, body),
    get: (ctx, { params }) => functions.get(ctx, params.function),
    remove: (ctx, { params }) => functions.remove(ctx, params.function),
  });
  mount(app, "blobs", contracts.blobs, {
    putPack: (ctx, { request }) => putPack(ctx, request),
    put: (ctx, { params, request }) => blobs.put(ctx, params.sha256, request),
    startParts: (ctx, { params, body }) => parts.startParts(ctx, params.sha256, body.size),
    putPart: (ctx, { params, request }) => parts.putPart(ctx, params.sha256, params.part, request),
    completeParts: (ctx, { params }) => parts.completeParts(ctx, params.sha256),
  });
  mount(app, "envVars", contracts.envVars, {
    list: (ctx, { params, query }) => envVars.list(ctx, params.project, query),
    create: (ctx, { params, body }) => envVars.create(ctx, params.project, body),
    update: (ctx, { params, body }) => envVars.update(ctx, params.project, params.envVar, body),
    remove: (ctx, { params }) => envVars.remove(ctx, params.project, params.envVar),
    pull: (ctx, { params, query }) => envVars.pull(ctx, params.project, query.target, query.branch ?? null),
  });
  mount(app, "audit", contracts.audit, {
    list: (ctx, { params, query }) => audit.list(ctx, params.team, query),
    verify: (ctx, { params }) => audit.verify(ctx, params.team),
  });
  mount(app, "traffic", contracts.traffic, {
    read: (ctx, { params, query }) => traffic.read(ctx, params.project, query),
  });
  mount(app, "regions", contracts.regions, {
    list: (ctx, { query }) => regions.list(ctx, query),
    create: (ctx, { body }) => regions.create(ctx, body),
    get: (ctx, { params }) => regions.get(ctx, params.region),
    update: (ctx, { params, body }) => regions.update(ctx, params.region, body),
    remove: (ctx, { params, query }) => regions.remove(ctx, params.region, query.force === "1"),
    drain: (ctx, { params, body }) => regions.drain(ctx, params.region, body?.isDraining ?? true),
    renewToken: (ctx, { params }) => regions.renewToken(ctx, params.region),
  });
}
