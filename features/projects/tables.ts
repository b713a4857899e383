import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { z } from "zod";
import type { Settings } from "./contract.ts";

export type ProjectSettings = z.infer<typeof Settings>;

export const projects = sqliteTable(
  "projects",
  {
    id: text("id").primaryKey(),
    teamId: text("team_id").notNull(),
    name: text("name").notNull(),
    /** A function is a project that holds one function and nothing else; see features/functions. */
    kind: text("kind").$type<"site" | "function">().notNull().default("site"),
    settings: text("settings", { mode: "json" }).$type<ProjectSettings>().notNull(),
    settingsVersion: integer("settings_version").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [uniqueIndex("projects_name").on(t.teamId, t.name), index("projects_team").on(t.teamId, t.id)],
);

/** Every version that the settings ever had. */
export const projectSettings = sqliteTable(
  "project_settings",
  {
    projectId: text("project_id").notNull(),
    version: integer("version").notNull(),
    settings: text("settings", { mode: "json" }).$type<ProjectSettings>().notNull(),
    at: integer("at").notNull(),
    actorId: text("actor_id").notNull(),
  },
  (t) => [primaryKey({ columns: [t.projectId, t.version] })],
);
