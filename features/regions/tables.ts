import { sql } from "drizzle-orm";
import { index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** What a region is. How it does, and who acts for it, is known to its object alone. */
export const regions = sqliteTable(
  "regions",
  {
    id: text("id").primaryKey(),
    teamId: text("team_id").notNull(),
    name: text("name").notNull(),
    /** Degrees. */
    latitude: real("latitude").notNull(),
    longitude: real("longitude").notNull(),
    /** Share of what is equally near; 0: only when no other can. */
    weight: integer("weight").notNull(),
    /** Other teams may use it, if they name it. */
    isShared: integer("is_shared", { mode: "boolean" }).notNull(),
    /** Raised by each change of these, so that its object takes no older ones after newer. */
    settingsVersion: integer("settings_version").notNull().default(1),
    createdAt: integer("created_at").notNull(),
    /** A removed region keeps its row, since the trail and old deployments name it. */
    removedAt: integer("removed_at"),
  },
  (t) => [
    uniqueIndex("regions_name").on(t.teamId, t.name).where(sql`removed_at is null`),
    index("regions_team").on(t.teamId, t.id),
  ],
);
