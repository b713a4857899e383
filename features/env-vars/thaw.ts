/** Opens a frozen environment: for who runs a deployment's code, or hands it to who does. */
import type { R2Bucket } from "@cloudflare/workers-types";
import { type KeyRing, open } from "#core/seal.ts";
import { environmentKey, type FrozenEnvironment } from "./frozen.ts";

/** @param digest `null`: there is none. @returns Values by name. @throws When the store lacks it. */
export async function thaw(
  store: Pick<R2Bucket, "get">,
  edgeKeys: KeyRing,
  { team, digest }: { team: string; digest: string | null },
): Promise<Record<string, string>> {
  if (digest === null) return {};
  const key = environmentKey(team, digest);
  const object = await store.get(key);
  if (!object) throw new Error(`there is no environment ${digest}`);
  return (JSON.parse(await open(edgeKeys, await object.text(), key)) as FrozenEnvironment).values;
}
