/** Reads a function's code and opens its environment: what an isolate is made from. */
import { parseKeyRing } from "#core/seal.ts";
import { secretValues, type Thawed, thaw } from "#features/env-vars/thaw.ts";
import type { Call } from "#features/functions/call.ts";
import { type FunctionCode, functionKey, mapsKey } from "#features/functions/function.ts";
import type { StoredMaps } from "#features/functions/maps.ts";

export interface CodeEnv {
  BLOBS: R2Bucket;
  /** See core/seal.ts; a secret. */
  EDGE_KEYS: string;
}

export interface LoadedCode {
  code: FunctionCode;
  env: Record<string, string>;
  /** Values that must not appear in a log. */
  secrets: string[];
}

/** @throws When the store lacks what the site names. */
export async function readCode(env: CodeEnv, call: Call): Promise<LoadedCode> {
  const [code, own] = await Promise.all([read(env, call), environmentOf(env, call)]);
  return { code, env: { ...code.environment, ...call.system, ...own.values }, secrets: secretValues(own) };
}

/** Name of a module → its source map; empty when it has none. */
export async function readMaps(
  { BLOBS }: Pick<CodeEnv, "BLOBS">,
  { team, code }: Pick<Call, "team" | "code">,
): Promise<Record<string, string>> {
  const object = await BLOBS.get(mapsKey(team, code));
  const stored = await object?.json<Partial<StoredMaps>>();
  return stored?.v === 1 && stored.maps ? stored.maps : {};
}

async function read(env: CodeEnv, { team, code }: Call): Promise<FunctionCode> {
  const object = await env.BLOBS.get(functionKey(team, code));
  if (!object) throw new Error(`there is no function ${code}`);
  return object.json<FunctionCode>();
}

/** A deployment's variables. */
export const environmentOf = (
  env: CodeEnv,
  { team, env: digest }: Pick<Call, "team" | "env">,
): Promise<Thawed> => thaw(env.BLOBS, parseKeyRing(env.EDGE_KEYS), { team, digest });
