/** What the router must not show in the lines that it writes itself: an address may hold a value of the environment. */
import { secretValues } from "#features/env-vars/thaw.ts";
import { type Mask, maskFor } from "#features/logs/mask.ts";
import { type CodeEnv, environmentOf } from "./code.ts";

const MAX_KEPT = 500;
const kept = new Map<string, Mask>();

const keyOf = (team: string, env: string | null): string => `${team}/${env}`;

/** @param env Digest of the frozen environment. @returns Nothing while it has not been read. */
export const knownMask = (team: string, env: string | null): Mask | undefined => kept.get(keyOf(team, env));

export async function maskOf(store: CodeEnv, team: string, env: string | null): Promise<Mask> {
  const mask = maskFor(secretValues(await environmentOf(store, { team, env })));
  if (kept.size > MAX_KEPT) kept.clear();
  kept.set(keyOf(team, env), mask);
  return mask;
}
