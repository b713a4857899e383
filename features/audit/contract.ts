/** The audit trail: who did what to which thing, in order, with a chain of hashes that shows a later change. */
import { z } from "@hono/zod-openapi";
import { type Contract, MillisSchema, op, PageQuery, page } from "#core/contract.ts";

export const AuditEntry = z
  .object({
    id: z.string(),
    seq: z.number().int().openapi({ description: "1, 2, 3 … within the team, without gaps" }),
    at: MillisSchema,
    actor: z.object({ type: z.string(), id: z.string() }),
    action: z.string(),
    target: z.string(),
    detail: z.record(z.string(), z.unknown()).nullable(),
    requestId: z.string().nullable(),
    hash: z.string().nullable().openapi({ description: "`null` until the entry is sealed, within a minute" }),
  })
  .openapi("AuditEntry");

export const audit = {
  list: op({
    method: "GET",
    path: "/api/teams/{team}/audit",
    tag: "Audit",
    summary: "List or export the audit trail",
    description:
      "Newest first as JSON pages; `format=csv` and `format=ndjson` export the whole range, oldest first.",
    params: z.object({ team: z.string() }),
    query: PageQuery.extend({
      format: z.enum(["json", "csv", "ndjson"]).default("json"),
      from: z.coerce.number().int().optional(),
      to: z.coerce.number().int().optional(),
      actor: z.string().optional(),
      action: z.string().optional(),
    }),
    output: page(AuditEntry),
    scope: "audit:read",
    problems: ["not_found"],
  }),
  verify: op({
    method: "GET",
    path: "/api/teams/{team}/audit/verify",
    tag: "Audit",
    summary: "Check the chain of hashes",
    params: z.object({ team: z.string() }),
    output: z.object({
      ok: z.boolean(),
      sealed: z.number().int().openapi({ description: "The last sealed `seq`" }),
      unsealed: z.number().int().openapi({ description: "Entries behind it that are not sealed yet" }),
      brokenAt: z.number().int().nullable(),
    }),
    scope: "audit:read",
    problems: ["not_found"],
  }),
} satisfies Contract;
