/** Deployments: immutable build outputs, and the moves that decide which of them a host serves. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page } from "#core/contract.ts";
import { MAX_BLOB_BYTES, Sha256Schema } from "#features/blobs/contract.ts";
import { TargetSchema } from "#features/env-vars/contract.ts";
import { BuildOverrides, Canary } from "#features/projects/contract.ts";
import { planFields, RollingRelease } from "#features/rollouts/schemas.ts";

export const MAX_FILES = 25_000;
export const MAX_DEPLOYMENT_BYTES = 5 * 1024 * 1024 * 1024;

/** One file of a Build Output API v3 tree (`config.json`, `static/…`, `functions/…`), or of a source tree. */
export const ManifestFile = z.object({
  path: z.string().min(1).max(1_024),
  sha256: Sha256Schema,
  size: z.number().int().min(0).max(MAX_BLOB_BYTES),
  isExecutable: z.literal(true).optional(),
  link: z
    .string()
    .min(1)
    .max(1_024)
    .optional()
    .openapi({
      description:
        "It is a symbolic link in the folder of a function, or in a source tree: its target, relative to where it lies. " +
        "The blob is the target's text",
    }),
});

const Ready = z.enum(["true", "false", "unknown"]);

export const Git = z.object({
  branch: z.string().min(1).max(250).optional(),
  commit: z.string().max(64).optional(),
  message: z.string().max(10_000).optional(),
  author: z.string().max(250).optional(),
  dirty: z.boolean().optional(),
});

export const Failure = z.object({ code: z.string(), detail: z.string(), fix: z.string() }).openapi("Failure");

export const StatusSchema = z.enum([
  "queued",
  "building",
  "compiling",
  "releasing",
  "ready",
  "error",
  "canceled",
]);

export const Deployment = z
  .object({
    id: z.string(),
    projectId: z.string(),
    project: z.string(),
    teamId: z.string(),
    state: StatusSchema,
    error: Failure.nullable(),
    target: z.string(),
    url: z.string().openapi({ description: "The immutable address" }),
    aliases: z
      .array(z.string())
      .openapi({ description: "Addresses of the pointers it takes; production first" }),
    liveOn: z.array(z.string()).openapi({ description: "Targets whose pointer names it" }),
    git: Git.nullable(),
    fileCount: z.number().int(),
    bytes: z.number().int(),
    source: z.boolean().openapi({ description: "Whether it is built from source" }),
    regions: z.array(z.object({ id: z.string(), ready: Ready, detail: z.string() })).openapi({
      description: "Where its functions for Node.js run, in failover order, and how they do; empty in lists",
    }),
    redeployOf: z.string().nullable(),
    createdBy: z.string(),
    createdAt: MillisSchema,
    readyAt: MillisSchema.nullable(),
  })
  .openapi("Deployment");

export const PointerAnswer = z
  .object({
    projectId: z.string(),
    target: z.string(),
    epoch: z.number().int(),
    held: z.boolean(),
    live: z.string().nullable(),
    canary: Canary.nullable(),
    rolling: z
      .object({
        ...RollingRelease.shape,
        stage: z.number().int().openapi({ description: "Index of the stage it is in, from 0" }),
        since: MillisSchema.openapi({ description: "When this stage began" }),
        startedAt: MillisSchema,
        nextAt: MillisSchema.nullable().openapi({
          description: "When it goes on by itself; `null`: when it is advanced",
        }),
      })
      .nullable()
      .openapi({ description: "The plan by which the canary grows; `null`: by hand" }),
    url: z.string(),
  })
  .openapi("Pointer");

/** A row of a deployment's log: a change of state, or a line. `seq` orders all streams. */
const LogRow = z
  .object({
    seq: z.number().int(),
    at: MillisSchema,
    stream: z.string().openapi({ description: "`state`, `system`, `build`, `function:<name>`" }),
    level: z.enum(["debug", "info", "warn", "error"]),
    text: z.string(),
    gap: z.number().int().optional().openapi({ description: "How many lines were dropped here by a cap" }),
  })
  .openapi("LogRow");

const params = z.object({ deployment: z.string().openapi({ description: "Id, or one of its hostnames" }) });
const ofProject = z.object({ project: z.string().openapi({ description: "Id or name" }) });
export const ifEpoch = z
  .number()
  .int()
  .optional()
  .openapi({ description: "Refuse if the pointer is of another epoch" });

export const deployments = {
  create: op({
    method: "POST",
    path: "/api/projects/{project}/deployments",
    tag: "Deployments",
    summary: "Deploy a Build Output v3 tree, or build one from source",
    description:
      "Files are named by digest. `missing_blobs` answers with `missing`, the digests to upload before trying again. With " +
      "`source` the files are a repository's; a region builds them.",
    params: ofProject,
    body: z.object({
      target: TargetSchema.default("preview"),
      percent: z
        .number()
        .int()
        .min(1)
        .max(100)
        .optional()
        .openapi({
          description:
            "Of production's visitors, once it is ready; see /rollout. Absent: all, or by `stages`, or by the project's " +
            "`rollingRelease`",
        }),
      ...planFields,
      git: Git.optional(),
      files: z.array(ManifestFile).min(1).max(MAX_FILES),
      source: z.boolean().default(false),
      build: BuildOverrides.optional().openapi({
        description: "With `source`: settings of this build in place of the project's",
      }),
      buildLog: Sha256Schema.optional().openapi({
        description: "An uploaded NDJSON of `{ at, stream, text }`, kept as the deployment's build log",
      }),
    }),
    output: Deployment,
    status: 201,
    scope: "deployments:write",
    audit: "deployment.create",
    problems: [
      "not_found",
      "missing_blobs",
      "too_many_files",
      "too_large",
      "invalid_manifest",
      "size_mismatch",
    ],
  }),
  list: op({
    method: "GET",
    path: "/api/projects/{project}/deployments",
    tag: "Deployments",
    summary: "List deployments, newest first",
    params: ofProject,
    query: PageQuery.extend({
      target: TargetSchema.optional(),
      state: StatusSchema.optional(),
      branch: z.string().optional(),
    }),
    output: page(Deployment),
    scope: "deployments:read",
    problems: ["not_found"],
  }),
  get: op({
    method: "GET",
    path: "/api/deployments/{deployment}",
    tag: "Deployments",
    summary: "Show a deployment",
    params,
    output: Deployment,
    scope: "deployments:read",
    problems: ["not_found"],
  }),
  cancel: op({
    method: "POST",
    path: "/api/deployments/{deployment}/cancel",
    tag: "Deployments",
    summary: "Cancel a deployment that has not finished",
    params,
    output: Deployment,
    scope: "deployments:write",
    audit: "deployment.cancel",
    problems: ["not_found", "illegal_transition"],
  }),
  promote: op({
    method: "POST",
    path: "/api/deployments/{deployment}/promote",
    tag: "Deployments",
    summary: "Make a ready deployment what production serves",
    description:
      "With `stages`, or a project's `rollingRelease`, a rolling release begins instead. What is being rolled out already " +
      "is given to everybody, unless `stages` are given.",
    params,
    body: z.object({ ifEpoch, ...planFields }).optional(),
    output: PointerAnswer,
    scope: "deployments:write",
    audit: "deployment.promote",
    problems: ["not_found", "illegal_transition", "conflict", "unavailable"],
  }),
  rollback: op({
    method: "POST",
    path: "/api/projects/{project}/rollback",
    tag: "Deployments",
    summary: "Go back to an earlier production deployment",
    description:
      "It sticks: later deployments do not take production until a promote. While a rollout is under way, one that names " +
      "no deployment ends it instead: everybody gets what is live, and nothing is held.",
    params: ofProject,
    body: z.object({ deploymentId: z.string().optional(), ifEpoch }).optional(),
    output: PointerAnswer,
    scope: "deployments:write",
    audit: "deployment.rollback",
    problems: ["not_found", "illegal_transition", "conflict", "unavailable"],
  }),
  rollout: op({
    method: "POST",
    path: "/api/projects/{project}/rollout",
    tag: "Deployments",
    summary: "Give a share of production's visitors to a second deployment",
    description:
      "Each visitor stays with one of the two, by a cookie; who is among 10 % is among 50 %. `percent` 100 makes it what " +
      "production serves, 0 ends the rollout. Without `deploymentId` it moves the rollout that is under way.",
    params: ofProject,
    body: z.object({
      deploymentId: z.string().optional(),
      percent: z.number().int().min(0).max(100),
      ifEpoch,
    }),
    output: PointerAnswer,
    scope: "deployments:write",
    audit: "deployment.rollout",
    problems: ["not_found", "illegal_transition", "conflict", "unavailable"],
  }),
  redeploy: op({
    method: "POST",
    path: "/api/deployments/{deployment}/redeploy",
    tag: "Deployments",
    summary: "Deploy the same output again, or build the same source, with today's variables",
    params,
    body: z.object({ target: TargetSchema.optional() }).optional(),
    output: Deployment,
    status: 201,
    scope: "deployments:write",
    audit: "deployment.create",
    problems: ["not_found", "illegal_transition"],
  }),
  remove: op({
    method: "DELETE",
    path: "/api/deployments/{deployment}",
    tag: "Deployments",
    summary: "Remove a deployment",
    description:
      "One that a pointer names is refused, unless `replacement` names the ready deployment to serve instead.",
    params,
    query: z.object({ replacement: z.string().optional() }),
    output: null,
    status: 204,
    scope: "deployments:write",
    audit: "deployment.remove",
    problems: ["not_found", "in_use", "illegal_transition"],
  }),
  events: op({
    method: "GET",
    path: "/api/deployments/{deployment}/events",
    tag: "Deployments",
    summary: "Read or follow a deployment's log",
    description:
      "NDJSON of `LogRow`, or server-sent events with `accept: text/event-stream`. `after` resumes behind a `seq`; " +
      "`follow=1` stays: until the deployment has ended, and behind that for as long as it has functions that may write; " +
      "`until=ended` leaves then all the same. It is cut off after five minutes, in the middle: come back with `after`.",
    params,
    query: z.object({
      after: z.coerce.number().int().min(0).default(0),
      follow: z.enum(["0", "1"]).default("0"),
      until: z.enum(["ended", "silent"]).default("silent"),
    }),
    output: { stream: ["application/x-ndjson", "text/event-stream"], of: LogRow },
    scope: "logs:read",
    problems: ["not_found"],
  }),
} satisfies Contract;
