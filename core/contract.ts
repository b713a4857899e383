/**
 * A contract is plain data: the only description of an operation. The server's route and checks, the OpenAPI document,
 * the SDK's types and the CLI's calls all come from it.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { PROBLEMS, type ProblemCode } from "#core/problem.ts";

/** What a token may be allowed to do: `<area>:<read|write>`. */
export const SCOPES = [
  "teams:read",
  "teams:write",
  "tokens:read",
  "tokens:write",
  "projects:read",
  "projects:write",
  "deployments:read",
  "deployments:write",
  "env:read",
  "env:write",
  "blobs:write",
  "logs:read",
  "audit:read",
  "regions:read",
  "regions:write",
] as const;
export type Scope = (typeof SCOPES)[number];

export type Role = "owner" | "admin" | "developer" | "viewer";

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    fix: z.string().optional(),
    requestId: z.string().optional(),
  })
  .loose()
  .openapi("Problem");

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface OperationSpec {
  method: Method;
  /** `/api/projects/{project}`: names in braces are parameters of the path. */
  path: `/api/${string}`;
  /** One line for the reference page; imperative. */
  summary: string;
  /** The reference page's group. */
  tag: string;
  description?: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** The media type of a body of bytes; without it a body is JSON. */
  bytes?: "application/octet-stream" | "multipart/form-data";
  /** The answer's schema; `null` for an empty 204; for a stream its media types, and what each item of it is. */
  output: z.ZodType | null | { stream: readonly string[]; of: z.ZodType };
  status?: 200 | 201 | 202 | 204;
  /** `any`: a valid token, whatever it may do; `null`: no token is needed. */
  scope: Scope | "any" | null;
  /** The entry that a successful call writes, once. Required of every method but GET. */
  audit?: string;
  problems?: readonly ProblemCode[];
}

export type Operation<S extends OperationSpec = OperationSpec> = S;

/** Always possible on an operation that needs a token. */
const COMMON: readonly ProblemCode[] = [
  "unauthenticated",
  "token_expired",
  "token_revoked",
  "forbidden",
  "insufficient_storage",
  "internal",
];
/** Always possible where JSON is sent. */
const OF_JSON: readonly ProblemCode[] = ["invalid_json", "unsupported_media_type", "too_large"];
const OF_KEYS: readonly ProblemCode[] = ["invalid_input", "idempotency_in_progress", "idempotency_mismatch"];

/** Every POST takes one; see features/accounts/idempotency.ts. */
const KeyHeader = z.object({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, "1 to 255 visible ASCII characters")
    .optional()
    .openapi({ description: "Sent again with the same request, it answers what the first answered" }),
});

/** Keeps the literal types, so that the SDK can be derived from the table. */
export function op<const S extends OperationSpec>(
  spec: S & (S["method"] extends "GET" ? unknown : { audit: string }),
): S {
  return spec;
}

export type Contract = Record<string, OperationSpec>;

/** Plain schemas, which the server does not read the body to check. */
const BINARY = {
  "application/octet-stream": { type: "string", format: "binary" },
  "multipart/form-data": { type: "object", additionalProperties: { type: "string", format: "binary" } },
} as const;

/** The route of `@hono/zod-openapi` that the server mounts and the document is made from. */
export function routeOf(operationId: string, spec: OperationSpec) {
  const codes = new Set<ProblemCode>([
    ...(spec.scope === null ? ["internal" as const] : COMMON),
    ...(spec.params || spec.query || spec.body ? ["invalid_input" as const] : []),
    ...(spec.body ? OF_JSON : []),
    ...(spec.method === "POST" ? OF_KEYS : []),
    ...(spec.problems ?? []),
  ]);
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code][0]);
  const problems = Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      { description: of.join(", "), content: { "application/problem+json": { schema: ProblemSchema } } },
    ]),
  );
  const body = spec.bytes
    ? { content: { [spec.bytes]: { schema: BINARY[spec.bytes] } } }
    : spec.body
      ? { required: !spec.body.isOptional(), content: { "application/json": { schema: strict(spec.body) } } }
      : undefined;
  return createRoute({
    operationId,
    method: spec.method.toLowerCase() as Lowercase<Method>,
    path: spec.path,
    summary: spec.summary,
    tags: [spec.tag],
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(spec.scope === null ? { security: [] } : { security: [{ bearer: [] }] }),
    request: {
      ...(spec.method === "POST" ? { headers: KeyHeader } : {}),
      ...(spec.params ? { params: spec.params } : {}),
      ...(spec.query ? { query: spec.query } : {}),
      ...(body ? { body } : {}),
    },
    responses: { [spec.status ?? 200]: success(spec.output), ...problems },
    "x-cloudify-scope": spec.scope,
    "x-cloudify-audit": spec.audit ?? null,
  });
}

/** A field that nobody knows is refused, never ignored: a misspelt one must not look like success. */
function strict(body: z.ZodType): z.ZodType {
  if (body instanceof z.ZodOptional) return strict(body.unwrap() as z.ZodType).optional();
  return body instanceof z.ZodObject ? body.strict() : body;
}

function success(output: OperationSpec["output"]) {
  if (output === null) return { description: "Done." };
  if ("stream" in output) {
    return {
      description: "A stream.",
      content: Object.fromEntries(output.stream.map((type) => [type, { schema: output.of }])),
    };
  }
  return { description: "Done.", content: { "application/json": { schema: output } } };
}

/** Every list answers this shape; `next` is given back as `cursor`. */
export const page = <T extends z.ZodType>(item: T) =>
  z.object({
    data: z.array(item),
    next: z.string().nullable().openapi({ description: "Give it back as `cursor`; `null` at the end." }),
  });

export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
});

/** Unix milliseconds. */
export const MillisSchema = z.number().int().openapi({ description: "Unix time in milliseconds" });
