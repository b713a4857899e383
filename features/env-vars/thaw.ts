/** Opens a frozen environment: for who runs a deployment's code, or hands it to who does. */
import type { R2Bucket } from "@cloudflare/workers-types";
import { type KeyRing, open } from "#core/seal.ts";
import { environmentKey, type FrozenEnvironment } from "./frozen.ts";

export interface Thawed {
  /** By name. */
  values: Record<string, string>;
  /** Names of those that must not appear in a log. */
  secrets: string[];
}

/** @param digest `null`: there is none. @throws When the store lacks it. */
export async function thaw(
  store: Pick<R2Bucket, "get">,
  edgeKeys: KeyRing,
  { team, digest }: { team: string; digest: string | null },
): Promise<Thawed> {
  if (digest === null) return { values: {}, secrets: [] };
  const key = environmentKey(team, digest);
  const object = await store.get(key);
  if (!object) throw new Error(`there is no environment ${digest}`);
  const { values, secrets } = JSON.parse(await open(edgeKeys, await object.text(), key)) as FrozenEnvironment;
  return { values, secrets: secrets ?? Object.keys(values) };
}

/** What a log must not show. */
export const secretValues = ({ values, secrets }: Thawed): string[] =>
  secrets.flatMap((name) => values[name] ?? []);
