/** The plan of a rolling release, as callers and settings give it. */
import { z } from "@hono/zod-openapi";
import { DEFAULT_GUARD } from "#features/pointers/guard.ts";
import { flawOf, type Stage } from "#features/pointers/rolling.ts";

const MAX_STAGES = 20;
/** A week. */
const MAX_STAGE_MINUTES = 7 * 24 * 60;
/** What is counted is kept for two hours. */
const MAX_GUARD_MINUTES = 60;

const StageSchema = z
  .object({
    percent: z.number().int().min(1).max(100),
    minutes: z
      .number()
      .int()
      .min(1)
      .max(MAX_STAGE_MINUTES)
      .optional()
      .openapi({ description: "How long it lasts. Absent: until it is advanced" }),
  })
  .strict()
  .openapi("RolloutStage");

export const Stages = z
  .array(StageSchema)
  .min(1)
  .max(MAX_STAGES)
  .superRefine((stages: Stage[], ctx) => {
    const flaw = flawOf(stages);
    if (flaw !== null) ctx.addIssue({ code: "custom", message: flaw });
  })
  .openapi({ description: "Each is of more visitors than the one before, the last of 100 %" });

export const GuardSchema = z
  .object({
    points: z.number().min(0.1).max(100).default(DEFAULT_GUARD.points).openapi({
      description: "Percentage points by which its share of 5xx may lie above that of what is live",
    }),
    requests: z.number().int().min(1).max(1_000_000).default(DEFAULT_GUARD.requests).openapi({
      description: "It is not judged by fewer",
    }),
    minutes: z.number().int().min(1).max(MAX_GUARD_MINUTES).default(DEFAULT_GUARD.minutes).openapi({
      description: "What is older does not count",
    }),
  })
  .strict()
  .openapi("RolloutGuard", { description: "When a rolling release is aborted by itself" });

/** A project's own. */
export const RollingRelease = z
  .object({ stages: Stages, guard: GuardSchema.nullable().default(DEFAULT_GUARD) })
  .strict()
  .openapi("RollingRelease", { description: "`guard: null`: nobody watches it" });

/** Fields of what begins one. */
export const planFields = {
  stages: Stages.optional().openapi({
    description: "It is rolled out by these. Absent: by the project's `rollingRelease`, if that is set",
  }),
  guard: GuardSchema.nullable()
    .optional()
    .openapi({ description: "In place of the project's, or of the default one; `null`: none" }),
};
