import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Projection of each PointerObject, for lists; guarded by `epoch`. */
export const pointers = sqliteTable(
  "pointers",
  {
    projectId: text("project_id").notNull(),
    target: text("target").notNull(),
    epoch: integer("epoch").notNull(),
    liveDeployment: text("live_deployment"),
    held: integer("held", { mode: "boolean" }).notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.projectId, t.target] })],
);
