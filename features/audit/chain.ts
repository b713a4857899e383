/** The chain of hashes over a team's audit entries: a later change of one shows in all that follow. Pure. */
import { canonicalJson, sha256 } from "#core/encoding.ts";

/** What of an entry is hashed: all that a reader sees. */
export interface ChainedEntry {
  entryId: string;
  teamId: string;
  seq: number;
  at: number;
  actorType: string;
  actorId: string;
  action: string;
  target: string;
  detail: Record<string, unknown> | null;
  requestId: string | null;
}

/** Stands before the first entry. */
export const GENESIS = "0".repeat(64);

export function linkHash(previous: string, entry: ChainedEntry): Promise<string> {
  const { entryId, teamId, seq, at, actorType, actorId, action, target, detail, requestId } = entry;
  const hashed = { entryId, teamId, seq, at, actorType, actorId, action, target, detail, requestId };
  return sha256(`${previous}\n${canonicalJson(hashed)}`);
}
