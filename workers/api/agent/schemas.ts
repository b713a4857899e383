/** What agents may send, checked once at the wall; @cloudify/protocol says what it means. */
import {
  type ClaimRequest,
  type CompleteRequest,
  type ExchangeRequest,
  type HeartbeatRequest,
  type LeaseRequest,
  type LogRequest,
  MAX_LOG_LINES,
  MAX_WAIT_MS,
  type StatusReport,
} from "@cloudify/protocol";
import { z } from "@hono/zod-openapi";
import { MAX_FILES } from "#features/deployments/contract.ts";

const count = z.number().int().min(0);
const millis = z.number().min(0).max(8.64e15);
const text = (length: number) => z.string().max(length);
/** For people: what is too long is cut, since all that came with it would be lost by a refusal. */
const shortened = (length: number) => z.string().transform((given) => given.slice(0, length));
/** A name that the agent made for itself. */
const name = z.string().regex(/^[\w.:@-]{1,128}$/, "1 to 128 letters, digits and any of . _ : @ -");
export const digest = z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 in 64 lower-case hex digits");
const epoch = count.max(Number.MAX_SAFE_INTEGER);

/** An origin, so that nothing can be appended to a path of it. */
const origin = z.string().refine((given) => {
  const url = URL.parse(given);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === given;
}, "an origin, as https://region.example");

export const Exchange: z.ZodType<ExchangeRequest> = z.object({ holder: name });

export const Lease: z.ZodType<LeaseRequest> = z.object({
  holder: name,
  bootId: name,
  epoch: epoch.nullable(),
  protocols: z.array(count).max(32),
  version: text(64),
  pid: count,
  now: millis,
  driver: z.enum(["process", "kubernetes"]),
  capabilities: z.array(z.enum(["serve", "build"])).max(8),
  capacity: z.object({ cpu: z.number().min(0), memoryBytes: z.number().min(0), builds: count }),
  load: z.object({
    cpu: z.number().min(0),
    memoryBytes: z.number().min(0),
    workloads: count,
    builds: count,
  }),
  ingress: origin.nullable(),
  isDraining: z.boolean(),
  applied: z.object({ cursor: count, digest: text(64) }),
});

export const Feed = z.object({
  epoch: z.coerce.number().int().min(0),
  /** Left out, like 0 where there is something: the whole. */
  after: z.coerce.number().int().default(-1),
  waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).default(0),
});

export const Status: z.ZodType<StatusReport> = z.object({
  epoch,
  isFull: z.boolean(),
  items: z
    .array(
      z.object({
        id: text(512),
        generation: count,
        ready: z.enum(["true", "false", "unknown"]),
        reason: shortened(64),
        detail: shortened(2_000),
        restarts: count,
        coldStartMs: z.number().min(0).nullable(),
        since: millis,
      }),
    )
    .max(10_000),
});

export const Claim: z.ZodType<ClaimRequest> = z.object({
  epoch,
  max: count.max(100),
  waitMs: count.max(MAX_WAIT_MS),
});

export const Heartbeat: z.ZodType<HeartbeatRequest> = z.object({ epoch, attempt: count });

/** The same, in an address. */
export const Attempt = z.object({
  epoch: z.coerce.number().int().min(0),
  attempt: z.coerce.number().int().min(0),
});

const outputFile = z.object({
  path: text(4_096),
  sha256: digest,
  size: count,
  isExecutable: z.literal(true).exactOptional(),
  link: text(1_024).exactOptional(),
});

export const Complete: z.ZodType<CompleteRequest> = z.object({
  epoch,
  attempt: count,
  result: z.discriminatedUnion("ok", [
    z.object({
      ok: z.literal(true),
      output: z.array(outputFile).max(MAX_FILES),
    }),
    z.object({
      ok: z.literal(false),
      failure: z.object({ code: text(64), detail: shortened(4_000), fix: shortened(1_000) }),
      isRetryable: z.boolean(),
    }),
  ]),
});

export const Missing = z.array(digest).max(MAX_FILES);

export const Logs: z.ZodType<LogRequest> = z
  .object({
    epoch,
    chunks: z
      .array(
        z.object({
          deployment: z.string().max(64),
          lines: z.array(
            z.object({
              stream: z
                .string()
                .max(512)
                .regex(/^(?:build|function:.+|region:[\w-]+)$/, "build, function:<name> or region:<name>"),
              n: count.max(Number.MAX_SAFE_INTEGER),
              at: millis,
              level: z.enum(["debug", "info", "warn", "error"]),
              text: z.string(),
              gap: count.optional(),
            }),
          ),
        }),
      )
      .max(MAX_LOG_LINES),
  })
  .refine(
    ({ chunks }) => chunks.reduce((sum, { lines }) => sum + lines.length, 0) <= MAX_LOG_LINES,
    `at most ${MAX_LOG_LINES} lines`,
  ) as z.ZodType<LogRequest>;
