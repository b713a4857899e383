/**
 * The shapes of `routes` and `wildcard` as `config.json` gives them. Says what is allowed, not what it means. Source:
 * Build Output API v3, "Configuration", and the schemas of `@vercel/routing-utils`.
 */
import { z } from "zod";

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is not a header name (RFC 9110, 5.1)");
const headerValue = z.string().regex(/^[^\u0000-\u0008\u000a-\u001f\u007f]*$/, "holds a control character");

const valueMatcher = z.strictObject({
  eq: z.union([z.string(), z.number()]).optional(),
  neq: z.union([z.string(), z.number()]).optional(),
  inc: z.array(z.string()).optional(),
  ninc: z.array(z.string()).optional(),
  pre: z.string().optional(),
  suf: z.string().optional(),
  re: z.string().optional(),
  gt: z.number().optional(),
  gte: z.number().optional(),
  lt: z.number().optional(),
  lte: z.number().optional(),
});
const value = z.union([z.string(), valueMatcher]);
const condition = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("host"), value }),
  z.strictObject({
    type: z.enum(["header", "cookie", "query"]),
    key: z.string().min(1),
    value: value.optional(),
  }),
]);
export const conditions = z.array(condition).max(64);
/** "Regular expression matching is not supported", says the specification of a transform's target. */
const target = z.strictObject({ key: z.union([z.string().min(1), valueMatcher.omit({ re: true })]) });
const transform = z.discriminatedUnion("type", [
  z
    .strictObject({
      type: z.enum(["request.headers", "request.query", "response.headers"]),
      op: z.enum(["append", "set", "delete"]),
      target,
      args: z.union([z.string(), z.array(z.string())]).optional(),
      env: z.array(z.string()).max(0, "nothing puts variables into routes yet").optional(),
    })
    .refine(({ op, args }) => op === "delete" || args !== undefined, "needs args"),
  z.strictObject({
    type: z.literal("request.path"),
    op: z.literal("set"),
    args: z
      .string()
      .max(2_048)
      .regex(/^\/(?!\/)[^?#\s\u0000-\u001f\u007f]*$/, "is not a path without a query"),
  }),
]);
export const sourceRoute = z.strictObject({
  src: z.string(),
  dest: z.string().max(8_192).optional(),
  status: z.number().int().min(100).max(599).optional(),
  headers: z.record(headerName, headerValue).optional(),
  methods: z.array(z.string()).optional(),
  has: conditions.optional(),
  missing: conditions.optional(),
  continue: z.boolean().optional(),
  /** It tells Vercel's builders how to merge routes (`mergeRoutes`), and the router nothing. */
  override: z.boolean().optional(),
  check: z.boolean().optional(),
  important: z.boolean().optional(),
  caseSensitive: z.boolean().optional(),
  transforms: z.array(transform).max(64).optional(),
  mitigate: z.strictObject({ action: z.enum(["deny", "challenge"]) }).optional(),
  middlewarePath: z.string().optional(),
  middlewareRawSrc: z.array(z.string()).optional(),
  middleware: z.number().optional(),
  isInternal: z.boolean().optional(),
  /** Of Vercel's edge cache in front of an external destination, which there is none of here. */
  respectOriginCacheControl: z.boolean().optional(),
  /** Names of variables to put in; only none can be kept. */
  env: z.array(z.string()).max(0, "nothing puts variables into routes yet").optional(),
  locale: z
    .strictObject({
      redirect: z.record(z.string(), z.string()).optional(),
      cookie: z.string().optional(),
      // Vercel's schema has them, and its router goes by `redirect` and `cookie` alone.
      value: z.string().optional(),
      path: z.string().optional(),
      default: z.string().optional(),
    })
    .optional(),
});
/** Other keys would have no effect: Vercel's own `normalizeRoutes` refuses them. */
export const handle = z.strictObject({
  handle: z.enum(["filesystem", "resource", "miss", "rewrite", "hit", "error"]),
});
export const wildcards = z.array(z.strictObject({ domain: z.string(), value: z.string() })).max(1_000);

export type SourceRoute = z.infer<typeof sourceRoute>;
export type GivenValue = z.infer<typeof value>;
export type GivenTransform = z.infer<typeof transform>;
