/** Reads a function's code and opens its environment: what an isolate is made from. */
import { open, parseKeyRing } from "#core/seal.ts";
import { environmentKey, type FrozenEnvironment } from "#features/env-vars/frozen.ts";
import type { Call } from "#features/functions/call.ts";
import { type FunctionCode, functionKey } from "#features/functions/function.ts";

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

/** Shorter values appear in any text by chance. */
const SECRET_LENGTH = 8;

/** @throws When the store lacks what the site names. */
export async function readCode(env: CodeEnv, call: Call): Promise<LoadedCode> {
  const [code, values] = await Promise.all([read(env, call), environmentOf(env, call)]);
  const secrets = Object.values(values).filter((value) => value.length >= SECRET_LENGTH);
  // The longest first: one may be part of another.
  secrets.sort((a, b) => b.length - a.length);
  return { code, env: { ...code.environment, ...call.system, ...values }, secrets };
}

async function read(env: CodeEnv, { team, code }: Call): Promise<FunctionCode> {
  const object = await env.BLOBS.get(functionKey(team, code));
  if (!object) throw new Error(`there is no function ${code}`);
  return object.json<FunctionCode>();
}

async function environmentOf(env: CodeEnv, call: Call): Promise<Record<string, string>> {
  if (call.env === null) return {};
  const key = environmentKey(call.team, call.env);
  const object = await env.BLOBS.get(key);
  if (!object) throw new Error(`there is no environment ${call.env}`);
  const text = await open(parseKeyRing(env.EDGE_KEYS), await object.text(), key);
  return (JSON.parse(text) as FrozenEnvironment).values;
}
