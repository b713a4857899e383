/** A team's data key: made when it is first needed, sealed with the key-encryption key, never stored open. */
import { eq } from "drizzle-orm";
import type { Base } from "#core/ctx.ts";
import { base64, fromBase64 } from "#core/encoding.ts";
import { type KeyRing, keyIdOf, open, seal } from "#core/seal.ts";
import { dataKeys } from "./tables.ts";

/** Id of the one key in a team's ring. */
const DATA = "d1";

const boundTo = (team: string): string => `data-key:${team}`;

export async function dataKeyOf(base: Base, team: string): Promise<KeyRing> {
  const held = await read(base, team);
  if (held) return held;
  const key = base64(base.random.bytes(32));
  const sealed = await seal(base.keyEncryptionKeys, key, boundTo(team), base.random);
  const row = { teamId: team, kekId: keyIdOf(sealed), sealed, createdAt: base.clock.now() };
  await base.db.insert(dataKeys).values(row).onConflictDoNothing();
  const stored = await read(base, team);
  if (!stored) throw new Error("the data key was not stored");
  return stored;
}

async function read(base: Base, team: string): Promise<KeyRing | null> {
  const [row] = await base.db.select().from(dataKeys).where(eq(dataKeys.teamId, team));
  if (!row) return null;
  const key = fromBase64(await open(base.keyEncryptionKeys, row.sealed, boundTo(team)));
  return { current: DATA, keys: { [DATA]: key } };
}

/** Seals data keys again that an older key-encryption key holds; the values under them stay as they are. */
export async function rotateDataKeys(base: Base): Promise<{ resealed: number }> {
  const { current } = base.keyEncryptionKeys;
  const rows = await base.db.select().from(dataKeys);
  const old = rows.filter((row) => row.kekId !== current);
  for (const row of old) {
    const key = await open(base.keyEncryptionKeys, row.sealed, boundTo(row.teamId));
    const sealed = await seal(base.keyEncryptionKeys, key, boundTo(row.teamId), base.random);
    await base.db.update(dataKeys).set({ sealed, kekId: current }).where(eq(dataKeys.teamId, row.teamId));
  }
  return { resealed: old.length };
}
