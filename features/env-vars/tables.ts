import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

export const envVars = sqliteTable(
  "env_vars",
  {
    id: text("id").primaryKey(),
    projectId: text("project_id").notNull(),
    key: text("key").notNull(),
    /** Sealed with the team's data key; see core/seal.ts. */
    sealed: text("sealed").notNull(),
    targets: text("targets", { mode: "json" }).$type<string[]>().notNull(),
    /** Empty: every branch. Not null, so that uniqueness can see it. */
    branch: text("branch").notNull(),
    sensitive: integer("sensitive", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [index("env_vars_project").on(t.projectId, t.id)],
);

/** One row a (variable, target): a key stands at most once for a target and branch. */
export const envVarTargets = sqliteTable(
  "env_var_targets",
  {
    envVarId: text("env_var_id").notNull(),
    projectId: text("project_id").notNull(),
    key: text("key").notNull(),
    target: text("target").notNull(),
    branch: text("branch").notNull(),
  },
  (t) => [
    uniqueIndex("env_var_targets_once").on(t.projectId, t.key, t.target, t.branch),
    index("env_var_targets_var").on(t.envVarId),
  ],
);

/** A team's data key, sealed with the key-encryption key of that id. */
export const dataKeys = sqliteTable("data_keys", {
  teamId: text("team_id").primaryKey(),
  kekId: text("kek_id").notNull(),
  sealed: text("sealed").notNull(),
  createdAt: integer("created_at").notNull(),
});
