/** Applies the migrations that a database has not seen, each with its record in one batch. */
import type { D1Database } from "@cloudflare/workers-types";
import type { Migration } from "./parts.ts";

/** The table has the name and shape that `wrangler d1 migrations` uses, so both agree on what was applied. */
const TABLE = `create table if not exists d1_migrations
  (id integer primary key autoincrement, name text unique, applied_at timestamp default current_timestamp not null)`;

export async function migrate(db: D1Database, migrations: readonly Migration[]): Promise<void> {
  await db.prepare(TABLE).run();
  const { results } = await db.prepare("select name from d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map((row) => row.name));
  for (const { name, sql } of migrations.filter((one) => !applied.has(one.name))) {
    const statements = sql.split("--> statement-breakpoint");
    const record = db.prepare("insert into d1_migrations (name) values (?)").bind(name);
    await db.batch([...statements.map((statement) => db.prepare(statement)), record]);
  }
}
