import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Projection of each PointerObject, for lists; guarded by `epoch`. */
export const pointers = sqliteTable(
  "pointers",
  {
    projectId: text("project_id").notNull(),
    target: text("target").notNull(),
    epoch: integer("epoch").notNull(),
    liveDeployment: text("live_deployment"),
    canaryDeployment: text("canary_deployment"),
    /** From 1 to 99 where there is a canary. */
    canaryPercent: integer("canary_percent"),
    held: integer("held", { mode: "boolean" }).notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.projectId, t.target] })],
);
