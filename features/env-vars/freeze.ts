/**
 * Freezes a deployment's environment when it is created: a later change of a variable reaches later deployments only, so
 * a rollback is the old code with its old variables.
 *
 * R2 key `env/<team>/<digest>`: sealed with the edge key, bound to its own name; the plain text is the canonical JSON of
 * `{ "v": 1, "values": { KEY: text } }`. A digest of what could be guessed is keyed (HMAC).
 */
import type { Ctx } from "#core/ctx.ts";
import { canonicalJson, hmacSha256 } from "#core/encoding.ts";
import { Problem } from "#core/problem.ts";
import { seal } from "#core/seal.ts";
import { ENVIRONMENT_BYTES } from "./rules.ts";
import { valuesOf } from "./service.ts";

export const environmentKey = (team: string, digest: string): string => `env/${team}/${digest}`;

/** @returns The digest that names it. */
export async function freeze(
  ctx: Ctx,
  project: string,
  target: string,
  branch: string | null,
): Promise<string> {
  const chosen = await valuesOf(ctx, project, target, branch);
  const values = Object.fromEntries(chosen.map(({ key, value }) => [key, value]));
  const text = canonicalJson({ v: 1, values });
  if (text.length > ENVIRONMENT_BYTES) {
    throw new Problem("too_large", `The environment of ${target} is over ${ENVIRONMENT_BYTES} bytes.`, {
      fix: "Remove variables, or make them shorter.",
    });
  }
  const key = ctx.edgeKeys.keys[ctx.edgeKeys.current];
  if (!key) throw new Error("there is no edge key");
  const digest = await hmacSha256(key, `${ctx.team}\n${text}`);
  const name = environmentKey(ctx.team, digest);
  await ctx.blobs.put(name, await seal(ctx.edgeKeys, text, name, ctx.random));
  return digest;
}
