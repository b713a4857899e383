import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Plan } from "#features/pointers/rolling.ts";
import type { Placement } from "./placement.ts";
import type { Running } from "./served.ts";
import type { Source } from "./state.ts";

export type DeploymentStatus =
  | "queued"
  | "building"
  | "compiling"
  | "releasing"
  | "ready"
  | "error"
  | "canceled";

export const UNFINISHED: readonly DeploymentStatus[] = ["queued", "building", "compiling", "releasing"];

export interface GitData {
  branch?: string | undefined;
  commit?: string | undefined;
  message?: string | undefined;
  author?: string | undefined;
  dirty?: boolean | undefined;
}

/**
 * Lists and look-ups. `DeploymentObject` owns the state; the columns from `status` down are its projection, written by
 * its outbox and guarded by `stateSeq`.
 */
export const deployments = sqliteTable(
  "deployments",
  {
    id: text("id").primaryKey(),
    teamId: text("team_id").notNull(),
    projectId: text("project_id").notNull(),
    target: text("target").notNull(),
    /** Branch that gets an alias; `null` without git data. */
    branch: text("branch"),
    git: text("git", { mode: "json" }).$type<GitData>(),
    /** The immutable hostname. */
    hostname: text("hostname").notNull(),
    /** SHA-256 of the output's manifest, itself a blob of the team. Empty: it is not built yet. */
    manifest: text("manifest").notNull(),
    fileCount: integer("file_count").notNull(),
    bytes: integer("bytes").notNull(),
    /** SHA-256 of the frozen environment's plain text form; names the sealed object in R2. */
    envDigest: text("env_digest").notNull(),
    /** Pointer targets that this deployment takes when ready. */
    pointerTargets: text("pointer_targets", { mode: "json" }).$type<string[]>().notNull(),
    /** When it is ready it takes so much of production; `null`: all of it. */
    percent: integer("percent"),
    /** When it is ready it takes production by these stages; `null`: as `percent` says. */
    rolling: text("rolling", { mode: "json" }).$type<Plan>(),
    buildLog: text("build_log"),
    /** What it is built from; `null`: an output was uploaded. */
    source: text("source", { mode: "json" }).$type<Source>(),
    /** Where it runs; `null`: it was created before there were regions. */
    placement: text("placement", { mode: "json" }).$type<Placement>(),
    redeployOf: text("redeploy_of"),
    createdBy: text("created_by").notNull(),
    createdAt: integer("created_at").notNull(),
    /** Until then a pointer may be on its way to it, so it can't be removed; see hold.ts. */
    pinnedUntil: integer("pinned_until").notNull().default(0),
    /** Until then its removal is under way, so no pointer may take it. */
    removingUntil: integer("removing_until").notNull().default(0),

    status: text("status").$type<DeploymentStatus>().notNull(),
    stateSeq: integer("state_seq").notNull(),
    site: text("site"),
    /** Where its workloads run, written before a pointer takes it; `null`: not known here. */
    running: text("running", { mode: "json" }).$type<Running>(),
    errorCode: text("error_code"),
    errorDetail: text("error_detail"),
    errorFix: text("error_fix"),
    readyAt: integer("ready_at"),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [
    index("deployments_project").on(t.projectId, t.id),
    index("deployments_team").on(t.teamId, t.id),
    index("deployments_open").on(t.status, t.updatedAt),
    index("deployments_site").on(t.site),
    index("deployments_env").on(t.envDigest),
  ],
);
