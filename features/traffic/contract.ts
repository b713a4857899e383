/** What a project's hosts answered, minute by minute. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op } from "#core/contract.ts";

const TrafficMinute = z
  .object({
    minute: MillisSchema,
    requests: z.number().int(),
    byClass: z.record(z.string(), z.number()).openapi({ description: "By status: 2xx, 3xx, 4xx, 5xx" }),
    byCache: z.record(z.string(), z.number()).openapi({ description: "memory, cache, r2, none" }),
    byRegion: z
      .record(z.string(), z.number())
      .openapi({ description: "Those that a function answered in a region, by its name" }),
    functionMs: z
      .number()
      .openapi({ description: "Milliseconds of all functions together, up to the head of their answers" }),
    bytesIn: z.number().int(),
    bytesOut: z.number().int(),
  })
  .openapi("TrafficMinute");

export const traffic = {
  read: op({
    method: "GET",
    path: "/api/projects/{project}/traffic",
    tag: "Traffic",
    summary: "Show traffic by the minute",
    description: "Oldest first, for the last 48 hours at most; `next` goes on where the page ends.",
    params: z.object({ project: z.string() }),
    query: z.object({
      from: z.coerce.number().int().min(0).default(0),
      cursor: z.string().max(200).optional(),
      limit: z.coerce.number().int().min(1).max(1_440).default(60),
    }),
    output: z.object({ data: z.array(TrafficMinute), next: z.string().nullable() }),
    scope: "projects:read",
    problems: ["not_found"],
  }),
} satisfies Contract;
