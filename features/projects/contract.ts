/** Projects and their settings. A setting that nothing uses yet is refused with `not_yet`, never ignored. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page } from "#core/contract.ts";
import { SlugSchema } from "#features/accounts/contract.ts";
import { RollingRelease } from "#features/rollouts/schemas.ts";

const relativePath = z
  .string()
  .max(256)
  .refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), "a path inside the project");
const MAX_REGIONS = 50;
const command = z.string().min(1).max(1_024);

/** `null` in a setting: what the framework's detection says. */
export const Settings = z
  .object({
    rootDirectory: relativePath.nullable(),
    framework: z.string().max(64).nullable(),
    buildCommand: command.nullable(),
    outputDirectory: relativePath.nullable(),
    installCommand: command.nullable(),
    nodeVersion: z
      .string()
      .regex(/^(?:18|20|22|24)(?:\.x)?$/, "18, 20, 22 or 24, also as 24.x")
      .nullable(),
    regions: z.array(z.string()).min(1).max(MAX_REGIONS).nullable().openapi({
      description:
        "Names (of the team's own, then of the platform's) or ids (of any that is shared): where functions for Node.js run. `null`: in all of the team's",
    }),
    failover: z
      .array(z.string())
      .max(MAX_REGIONS)
      .nullable()
      .openapi({ description: "Names or ids, in order: asked when none of the others is ready" }),
    releasePolicy: z.enum(["all", "quorum", "any"]).openapi({
      description:
        "How many regions must be ready before visitors come: all, more than half, or one; failover regions do not count. " +
        "The others are waited for for a minute all the same",
    }),
    rollingRelease: RollingRelease.nullable().openapi({
      description: "How what is deployed or promoted to production goes out. `null`: to everybody at once",
    }),
    affinity: z.enum(["region"]).nullable().openapi({
      description:
        "`region`: a visitor stays, by a cookie, in the region that answered first, as long as that is ready",
    }),
    productionBranch: z.string().nullable(),
    protection: z.enum(["public", "password", "sso"]),
  })
  .openapi("ProjectSettings");

/** What a single build may have of its own. */
export const BuildOverrides = Settings.pick({
  rootDirectory: true,
  framework: true,
  installCommand: true,
  buildCommand: true,
  outputDirectory: true,
  nodeVersion: true,
})
  .partial()
  .strict();

export const Canary = z
  .object({ deploymentId: z.string(), percent: z.number().int() })
  .openapi("Canary", { description: "A deployment that a share of production's visitors gets" });

export const Project = z
  .object({
    id: z.string(),
    name: SlugSchema,
    kind: z.enum(["site", "function"]).openapi({ description: "`function`: see /api/functions" }),
    teamId: z.string(),
    settings: Settings,
    settingsVersion: z.number().int(),
    url: z.string().openapi({ description: "The production address" }),
    live: z
      .object({ deploymentId: z.string(), epoch: z.number().int(), held: z.boolean() })
      .nullable()
      .openapi({ description: "What production serves; `held` after a rollback, until a promote" }),
    canary: Canary.nullable(),
    createdAt: MillisSchema,
    updatedAt: MillisSchema,
  })
  .openapi("Project");

/** A setting that nobody knows is refused by name, never ignored. */
const SettingsChange = Settings.partial().strict();

const params = z.object({ project: z.string().openapi({ description: "Id or name" }) });

export const projects = {
  list: op({
    method: "GET",
    path: "/api/projects",
    tag: "Projects",
    summary: "List projects",
    query: PageQuery.extend({ search: z.string().max(48).optional() }),
    output: page(Project),
    scope: "projects:read",
  }),
  create: op({
    method: "POST",
    path: "/api/projects",
    tag: "Projects",
    summary: "Create a project",
    body: z.object({ name: SlugSchema, settings: SettingsChange.optional() }),
    output: Project,
    status: 201,
    scope: "projects:write",
    audit: "project.create",
    problems: ["name_taken", "not_yet"],
  }),
  get: op({
    method: "GET",
    path: "/api/projects/{project}",
    tag: "Projects",
    summary: "Show a project",
    params,
    output: Project,
    scope: "projects:read",
    problems: ["not_found"],
  }),
  update: op({
    method: "PATCH",
    path: "/api/projects/{project}",
    tag: "Projects",
    summary: "Change a project's settings",
    params,
    body: z.object({
      settings: SettingsChange,
      ifVersion: z
        .number()
        .int()
        .optional()
        .openapi({ description: "Refuse if the settings are of another version" }),
    }),
    output: Project,
    scope: "projects:write",
    audit: "project.update",
    problems: ["not_found", "conflict", "not_yet"],
  }),
  remove: op({
    method: "DELETE",
    path: "/api/projects/{project}",
    tag: "Projects",
    summary: "Remove a project with all its deployments, hosts and variables",
    params,
    output: null,
    status: 204,
    scope: "projects:write",
    audit: "project.remove",
    problems: ["not_found"],
  }),
} satisfies Contract;
