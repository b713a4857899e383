/** Regions: clusters and machines of a team that run its node functions and its builds. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page } from "#core/contract.ts";
import { SlugSchema } from "#features/accounts/contract.ts";

const ReadySchema = z.enum(["true", "false", "unknown"]);
const latitude = z.number().min(-90).max(90);
const longitude = z.number().min(-180).max(180);
const weight = z.number().int().min(0).max(1_000);

export const Region = z
  .object({
    id: z.string(),
    name: SlugSchema,
    teamId: z.string().openapi({ description: "Whose it is" }),
    status: z.enum(["up", "unknown", "draining", "never"]).openapi({
      description:
        "`unknown`: its agent is silent, or, with no `lease`, what is known of it can't be read at the moment; traffic may still be served. `never`: no agent has come yet",
    }),
    lease: z
      .object({ holder: z.string(), epoch: z.number().int(), expiresAt: MillisSchema })
      .nullable()
      .openapi({ description: "The last one; it may have lapsed" }),
    agent: z
      .object({
        bootId: z.string(),
        version: z.string(),
        pid: z.number().int(),
        driver: z.enum(["process", "kubernetes"]),
      })
      .nullable(),
    capabilities: z.array(z.enum(["serve", "build"])),
    load: z
      .object({
        cpu: z.number(),
        memoryBytes: z.number(),
        workloads: z.number().int(),
        builds: z.number().int(),
      })
      .nullable(),
    capacity: z.object({ cpu: z.number(), memoryBytes: z.number(), builds: z.number().int() }).nullable(),
    skewMs: z.number().int().nullable().openapi({ description: "The agent's clock less the platform's" }),
    lagCursors: z.number().int().nullable().openapi({ description: "Changes that it has not applied yet" }),
    deployments: z.array(z.object({ id: z.string(), ready: ReadySchema })),
    latitude,
    longitude,
    weight: weight.openapi({ description: "Share of what is equally near; 0: only when no other can" }),
    isShared: z.boolean().openapi({ description: "Other teams may use it, if they name it" }),
    isDraining: z.boolean(),
    ingress: z.string().nullable(),
    reached: z
      .object({ isReachable: z.boolean(), ms: z.number().int(), detail: z.string().nullable() })
      .nullable()
      .openapi({
        description:
          "What its ingress answered when the platform asked it just now, as its routers do; `null`: it has none, or this answers a change",
      }),
    createdAt: MillisSchema,
  })
  .openapi("Region");

const RegionDetail = Region.extend({
  workloads: z.array(
    z.object({
      id: z.string(),
      generation: z.number().int(),
      ready: ReadySchema,
      reason: z.string(),
      detail: z.string(),
      restarts: z.number().int(),
      coldStartMs: z.number().nullable(),
      since: MillisSchema,
    }),
  ),
  tasks: z.array(
    z.object({
      id: z.string(),
      state: z.enum(["queued", "claimed"]),
      attempt: z.number().int(),
      deployment: z.string(),
    }),
  ),
  token: z
    .object({ isSpent: z.boolean(), by: z.string().nullable() })
    .nullable()
    .openapi({ description: "Whether its token was exchanged, and by which installation" }),
}).openapi("RegionDetail");

const NewRegion = Region.extend({
  token: z
    .string()
    .openapi({ description: "For its agent. It is shown this once, and can be exchanged once." }),
}).openapi("NewRegion");

const params = z.object({ region: z.string().openapi({ description: "Id or name" }) });

export const regions = {
  list: op({
    method: "GET",
    path: "/api/regions",
    tag: "Regions",
    summary: "List regions, with how they do",
    description:
      "The team's own and those that others share; of the latter only what the team itself runs there.",
    query: PageQuery,
    output: page(Region),
    scope: "regions:read",
    problems: ["unavailable"],
  }),
  create: op({
    method: "POST",
    path: "/api/regions",
    tag: "Regions",
    summary: "Add a region and its agent's token",
    body: z.object({
      name: SlugSchema,
      latitude,
      longitude,
      weight: weight.default(100),
      isShared: z.boolean().default(false),
    }),
    output: NewRegion,
    status: 201,
    scope: "regions:write",
    audit: "region.create",
    problems: ["name_taken", "unavailable"],
  }),
  get: op({
    method: "GET",
    path: "/api/regions/{region}",
    tag: "Regions",
    summary: "Show a region with its workloads and tasks",
    params,
    output: RegionDetail,
    scope: "regions:read",
    problems: ["not_found", "unavailable"],
  }),
  update: op({
    method: "PATCH",
    path: "/api/regions/{region}",
    tag: "Regions",
    summary: "Change where a region is, its weight, or who may use it",
    params,
    body: z.object({
      name: SlugSchema.optional(),
      latitude: latitude.optional(),
      longitude: longitude.optional(),
      weight: weight.optional(),
      isShared: z.boolean().optional(),
    }),
    output: Region,
    scope: "regions:write",
    audit: "region.update",
    problems: ["not_found", "name_taken", "conflict", "unavailable"],
  }),
  remove: op({
    method: "DELETE",
    path: "/api/regions/{region}",
    tag: "Regions",
    summary: "Remove a region; its agent's credentials end at once",
    params,
    query: z.object({
      force: z
        .enum(["0", "1"])
        .default("0")
        .openapi({ description: "`1`: also when deployments are to run there" }),
    }),
    output: null,
    status: 204,
    scope: "regions:write",
    audit: "region.remove",
    problems: ["not_found", "in_use", "conflict", "unavailable"],
  }),
  drain: op({
    method: "POST",
    path: "/api/regions/{region}/drain",
    tag: "Regions",
    summary: "Take new work and visitors away from a region, or give them back",
    params,
    body: z.object({ isDraining: z.boolean().default(true) }).optional(),
    output: Region,
    scope: "regions:write",
    audit: "region.drain",
    problems: ["not_found", "unavailable"],
  }),
  renewToken: op({
    method: "POST",
    path: "/api/regions/{region}/token",
    tag: "Regions",
    summary: "Make a new token; every credential of the region before it ends at once",
    params,
    output: NewRegion,
    scope: "regions:write",
    audit: "region.token",
    problems: ["not_found", "unavailable"],
  }),
} satisfies Contract;
