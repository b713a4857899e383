/**
 * What the isolates ask of the platform and tell it: code, source maps, lines. On one machine over HTTP, since they stand
 * in a process of their own; in production they read the store and reach the log themselves.
 */
import { type Call, KEY_HEADER } from "#features/functions/call.ts";
import { type Mask, maskFor } from "#features/logs/mask.ts";
import { type LoadedCode, readCode, readMaps } from "../functions/code.ts";
import { LogBuffer } from "../functions/lines.ts";
import { type Batch, writeLines } from "../functions/sink.ts";
import type { Traced } from "../functions/traced.ts";
import type { IsolatesEnv } from "./env.ts";
import { Maps } from "./maps.ts";

/** Code id → what its lines must not show. */
const masks = new Map<string, Mask>();
const MAX_MASKS = 1_000;

const logs = new LogBuffer();
let maps: Maps | null = null;

export async function codeOf(env: IsolatesEnv, call: Call): Promise<LoadedCode> {
  const code = env.PLATFORM ? await ask<LoadedCode>(env, "/code", call) : await readCode(env, call);
  if (masks.size > MAX_MASKS) masks.clear();
  masks.set(call.id, maskFor(code.secrets));
  return code;
}

/** Lines are gathered for a moment: one write for many. */
export async function report(env: IsolatesEnv, call: Call, lines: readonly Traced[]): Promise<void> {
  if (lines.length === 0) return;
  maps ??= new Maps((of) => (env.PLATFORM ? ask(env, "/maps", of) : readMaps(env, of)));
  const told: Traced[] = [];
  for (const line of lines) told.push({ ...line, text: await maps.map(call, line.text) });
  await logs.add(call, told, await maskOf(env, call), (batch) => write(env, batch));
}

/** An isolate may be older than this Worker's memory: then its environment is read again before a line is shown. */
async function maskOf(env: IsolatesEnv, call: Call): Promise<Mask> {
  if (!masks.has(call.id)) await codeOf(env, call);
  return masks.get(call.id) ?? maskFor([]);
}

async function write(env: IsolatesEnv, batch: Batch): Promise<void> {
  if (!env.PLATFORM) return writeLines(env, batch);
  await post(env, "/lines", batch);
}

async function ask<T>(env: IsolatesEnv, path: string, call: Call): Promise<T> {
  return (await post(env, path, call)).json<T>();
}

async function post(env: IsolatesEnv, path: string, body: unknown): Promise<Response> {
  const headers = { [KEY_HEADER]: env.INTERNAL_KEY ?? "" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await env.PLATFORM?.fetch(`http://platform.internal${path}`, init);
  if (!answer?.ok) throw new Error(`The platform answered ${path} with ${answer?.status}.`);
  return answer;
}
