/** Rolling releases: how one does, and moving it. It begins with a deployment or a promote. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op } from "#core/contract.ts";
import { ifEpoch, PointerAnswer } from "#features/deployments/contract.ts";

const Count = z.object({
  requests: z.number().int(),
  errors: z.number().int().openapi({ description: "Answered with 5xx" }),
});

const Figures = z
  .object({ from: MillisSchema, to: MillisSchema, live: Count, canary: Count })
  .openapi("RolloutFigures", { description: "What routers saw of both releases in the same time" });

const Rollout = PointerAnswer.extend({
  figures: Figures.nullable().openapi({
    description: "`null`: nothing is being rolled out, or what counts does not answer",
  }),
  verdict: z.enum(["few", "fine", "worse"]).nullable().openapi({
    description: "What the guard makes of the figures; `few`: too few requests. `null` without a guard",
  }),
  last: z
    .object({
      deploymentId: z.string(),
      outcome: z.enum(["completed", "aborted", "replaced"]),
      by: z.enum(["caller", "time", "release", "guard"]),
      percent: z.number().int().openapi({ description: "Of the visitors had it" }),
      at: MillisSchema,
      figures: Figures.nullable().openapi({ description: "What the guard saw" }),
    })
    .nullable()
    .openapi({ description: "The rolling release that ended last" }),
}).openapi("Rollout");

const params = z.object({ project: z.string().openapi({ description: "Id or name" }) });
const body = z.object({ ifEpoch }).optional();

export const rollouts = {
  get: op({
    method: "GET",
    path: "/api/projects/{project}/rollout",
    tag: "Deployments",
    summary: "Show what is being rolled out, and how it does",
    params,
    output: Rollout,
    scope: "deployments:read",
    problems: ["not_found", "unavailable"],
  }),
  advance: op({
    method: "POST",
    path: "/api/projects/{project}/rollout/advance",
    tag: "Deployments",
    summary: "Go on to the next stage of a rolling release",
    description: "Behind the last stage everybody gets it. With `ifEpoch` one of several callers wins.",
    params,
    body,
    output: PointerAnswer,
    scope: "deployments:write",
    audit: "deployment.rollout-advance",
    problems: ["not_found", "illegal_transition", "conflict", "unavailable"],
  }),
  abort: op({
    method: "POST",
    path: "/api/projects/{project}/rollout/abort",
    tag: "Deployments",
    summary: "End a rollout: everybody gets what is live",
    description: "Nothing is held: the next deployment to production goes out as ever.",
    params,
    body,
    output: PointerAnswer,
    scope: "deployments:write",
    audit: "deployment.rollout-abort",
    problems: ["not_found", "illegal_transition", "conflict", "unavailable"],
  }),
} satisfies Contract;
