import { index, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Which code a site names, as the sweep has read it from the site's head; see features/blobs/sweep-functions.ts. */
export const siteFunctions = sqliteTable(
  "site_functions",
  {
    site: text("site").notNull(),
    /** Digest of a function's code, or of a workload's spec. Empty: the row that says that the site was read. */
    code: text("code").notNull(),
  },
  (t) => [primaryKey({ columns: [t.site, t.code] }), index("site_functions_code").on(t.code)],
);
