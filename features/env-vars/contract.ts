/** Environment variables of a project. A change reaches new deployments only: a deployment's environment is frozen. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page } from "#core/contract.ts";

/** `production`, `preview`, `development`, or the name of a custom environment. */
export const TargetSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, "1 to 32 of a–z, 0–9 and -, a letter first");

export const KeySchema = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "letters, digits and _, not a digit first");

const value = z.string().max(65_536);
const targets = z.array(TargetSchema).min(1).max(16);
const branch = z.string().min(1).max(250);

export const EnvVar = z
  .object({
    id: z.string(),
    key: KeySchema,
    value: z.string().nullable().openapi({ description: "`null` when sensitive: it can't be read back" }),
    targets,
    branch: branch.nullable().openapi({ description: "Only deployments of this branch; preview only" }),
    sensitive: z.boolean(),
    createdAt: MillisSchema,
    updatedAt: MillisSchema,
  })
  .openapi("EnvVar");

const project = z.string().openapi({ description: "Id or name" });
const params = z.object({ project });
const one = z.object({ project, envVar: z.string() });

export const envVars = {
  list: op({
    method: "GET",
    path: "/api/projects/{project}/env",
    tag: "Environment variables",
    summary: "List variables",
    params,
    query: PageQuery.extend({ target: TargetSchema.optional(), branch: branch.optional() }),
    output: page(EnvVar),
    scope: "env:read",
    problems: ["not_found"],
  }),
  create: op({
    method: "POST",
    path: "/api/projects/{project}/env",
    tag: "Environment variables",
    summary: "Add a variable",
    params,
    body: z.object({
      key: KeySchema,
      value,
      targets,
      branch: branch.optional(),
      sensitive: z.boolean().default(false),
    }),
    output: EnvVar,
    status: 201,
    scope: "env:write",
    audit: "env.create",
    problems: ["not_found", "name_taken", "conflict", "too_large"],
  }),
  update: op({
    method: "PATCH",
    path: "/api/projects/{project}/env/{envVar}",
    tag: "Environment variables",
    summary: "Change a variable",
    params: one,
    body: z.object({
      value: value.optional(),
      targets: targets.optional(),
      sensitive: z.literal(true).optional(),
    }),
    output: EnvVar,
    scope: "env:write",
    audit: "env.update",
    problems: ["not_found", "name_taken", "conflict", "too_large"],
  }),
  remove: op({
    method: "DELETE",
    path: "/api/projects/{project}/env/{envVar}",
    tag: "Environment variables",
    summary: "Remove a variable",
    params: one,
    output: null,
    status: 204,
    scope: "env:write",
    audit: "env.remove",
    problems: ["not_found", "conflict"],
  }),
  pull: op({
    method: "GET",
    path: "/api/projects/{project}/env/pull",
    tag: "Environment variables",
    summary: "Read the values of one target",
    description: "Sensitive variables come by name only.",
    params,
    query: z.object({ target: TargetSchema.default("development"), branch: branch.optional() }),
    output: z.object({ env: z.record(z.string(), z.string()), sensitive: z.array(z.string()) }),
    scope: "env:read",
    problems: ["not_found"],
  }),
} satisfies Contract;
