import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The index of what a team has uploaded: what is missing is one query, never a `head` for each file. */
export const blobs = sqliteTable(
  "blobs",
  {
    teamId: text("team_id").notNull(),
    sha256: text("sha256").notNull(),
    size: integer("size").notNull(),
    /** Unix milliseconds; the collector takes a blob by compare-and-set on this. 0: its bytes are being deleted. */
    touchedAt: integer("touched_at").notNull(),
    /** Bytes of the stored compressed forms; `null` until tried, 0 when it did not pay. */
    brBytes: integer("br_bytes"),
    gzipBytes: integer("gzip_bytes"),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.sha256] }), index("blobs_age").on(t.touchedAt)],
);

/** Uploads in parts that are not joined yet. */
export const uploads = sqliteTable(
  "uploads",
  {
    teamId: text("team_id").notNull(),
    sha256: text("sha256").notNull(),
    size: integer("size").notNull(),
    /** R2's name for the multipart upload. */
    multipartId: text("multipart_id").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.sha256] }), index("uploads_age").on(t.createdAt)],
);

export const uploadParts = sqliteTable(
  "upload_parts",
  {
    teamId: text("team_id").notNull(),
    sha256: text("sha256").notNull(),
    part: integer("part").notNull(),
    size: integer("size").notNull(),
    etag: text("etag").notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.sha256, t.part] })],
);

/** Which blobs a deployment's manifest names, so that the collector asks one query. */
export const manifestBlobs = sqliteTable(
  "manifest_blobs",
  {
    teamId: text("team_id").notNull(),
    sha256: text("sha256").notNull(),
    deploymentId: text("deployment_id").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.teamId, t.sha256, t.deploymentId] }),
    index("manifest_blobs_deployment").on(t.deploymentId),
  ],
);
