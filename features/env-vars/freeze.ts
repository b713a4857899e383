/**
 * Freezes a deployment's environment when it is created: a later change of a variable reaches later deployments only, so
 * a rollback is the old code with its old variables.
 * A digest of what could be guessed is keyed (HMAC).
 */
import { guardedNames } from "@cloudify/protocol";
import type { Ctx } from "#core/ctx.ts";
import { canonicalJson, hmacSha256 } from "#core/encoding.ts";
import { seal } from "#core/seal.ts";
import { environmentKey, type FrozenEnvironment } from "./frozen.ts";
import { refuseOversize } from "./limit.ts";
import { valuesOf } from "./service.ts";

/** @returns The digest that names it. */
export async function freeze(
  ctx: Ctx,
  project: string,
  target: string,
  branch: string | null,
): Promise<string> {
  const chosen = await valuesOf(ctx, project, target, branch);
  const encoder = new TextEncoder();
  refuseOversize(
    target,
    chosen.map(({ key, value }) => ({ key, bytes: encoder.encode(value).length })),
  );
  const values = Object.fromEntries(chosen.map(({ key, value }) => [key, value]));
  const frozen: FrozenEnvironment = { v: 1, values, secrets: guardedNames(chosen) };
  const text = canonicalJson(frozen);
  const key = ctx.edgeKeys.keys[ctx.edgeKeys.current];
  if (!key) throw new Error("there is no edge key");
  const digest = await hmacSha256(key, `${ctx.team}\n${text}`);
  const name = environmentKey(ctx.team, digest);
  await ctx.blobs.put(name, await seal(ctx.edgeKeys, text, name, ctx.random));
  return digest;
}
