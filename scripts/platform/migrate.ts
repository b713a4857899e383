/** Applies the migrations that a database has not seen, each with its record in one batch. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";

/** The table has the name and shape that `wrangler d1 migrations` uses, so both agree on what was applied. */
const TABLE = `create table if not exists d1_migrations
  (id integer primary key autoincrement, name text unique, applied_at timestamp default current_timestamp not null)`;

export async function migrate(db: D1Database, folder: string): Promise<string[]> {
  await db.prepare(TABLE).run();
  const { results } = await db.prepare("select name from d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map((row) => row.name));
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const waiting = files.sort().filter((name) => !applied.has(name));
  for (const name of waiting) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    const record = db.prepare("insert into d1_migrations (name) values (?)").bind(name);
    await db.batch([...statements.map((statement) => db.prepare(statement)), record]);
  }
  return waiting;
}
