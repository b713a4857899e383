/** The first start: an owner's token and a team for it. */
import type { D1Database } from "@cloudflare/workers-types";
import { readCredentials, writeCredentials } from "@cloudify/platform";
import { sha256 } from "#core/encoding.ts";
import { newId } from "#core/ids.ts";
import { systemClock, systemRandom } from "#core/time.ts";
import { newSecret } from "#features/accounts/secret.ts";

const TEAM = "local";

/**
 * The credentials are written before the rows: a start that is killed between the two is finished by the next one, and
 * there is never a team that nobody has a token of.
 */
export async function seed(db: D1Database, home: string, api: string): Promise<void> {
  const held = readCredentials(home);
  const token = held?.token ?? newSecret(systemRandom);
  if (held?.api !== api) writeCredentials(home, { api, token, team: TEAM });
  const existing = await db.prepare("select 1 from teams limit 1").first();
  if (existing) return;
  const now = systemClock().now();
  const [team, id, entry] = [
    newId("team", now, systemRandom),
    newId("token", now, systemRandom),
    newId("auditEntry", now, systemRandom),
  ];
  await db.batch([
    db
      .prepare("insert into teams (id, slug, name, created_at) values (?, ?, ?, ?)")
      .bind(team, TEAM, "Local", now),
    db
      .prepare(
        "insert into tokens (id, team_id, name, hash, role, created_at) values (?, ?, ?, ?, 'owner', ?)",
      )
      .bind(id, team, "owner", await sha256(token), now),
    db
      .prepare(
        `insert into audit_entries (entry_id, team_id, seq, at, actor_type, actor_id, action, target)
         values (?, ?, 1, ?, 'system', 'first-start', 'team.create', ?)`,
      )
      .bind(entry, team, now, team),
  ]);
}
