import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Hostname → what answers there. The truth; KV holds the copy that the edge reads first. */
export const hosts = sqliteTable(
  "hosts",
  {
    hostname: text("hostname").primaryKey(),
    kind: text("kind").$type<"pointer" | "deployment">().notNull(),
    /** A pointer's target (`production`, `env:x`, `branch:x`), or a deployment's id. */
    ref: text("ref").notNull(),
    projectId: text("project_id").notNull(),
    teamId: text("team_id").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [index("hosts_project").on(t.projectId), index("hosts_ref").on(t.ref)],
);
