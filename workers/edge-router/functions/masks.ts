/** What the router must not show in the lines that it writes itself: an address may hold a value of the environment. */
import { type Mask, maskFor } from "#features/logs/mask.ts";
import { type CodeEnv, environmentOf } from "./code.ts";

const MAX_KEPT = 500;
const kept = new Map<string, Promise<Mask>>();

/** @param env Digest of the frozen environment. Read once for each. */
export async function maskOf(store: CodeEnv, team: string, env: string | null): Promise<Mask> {
  const key = `${team}/${env}`;
  const held =
    kept.get(key) ?? environmentOf(store, { team, env }).then((values) => maskFor(Object.values(values)));
  if (kept.size > MAX_KEPT) kept.clear();
  kept.set(key, held);
  return held.catch((error: unknown) => {
    kept.delete(key);
    throw error;
  });
}
