/** Reading a small JSON file of an output, checked. */
import type { z } from "zod";
import type { Base } from "#core/ctx.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import { readBlob } from "./lost.ts";

/** @param maxBytes Of the file. @throws LostBlob */
export async function readJson<T>(
  base: Base,
  team: string,
  file: ManifestFile,
  maxBytes: number,
  schema: z.ZodType<T>,
): Promise<{ ok: true; value: T } | { ok: false; why: string }> {
  if (file.size > maxBytes) return { ok: false, why: `has ${file.size} bytes` };
  const text = await (await readBlob(base, team, file.sha256)).text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, why: `is not JSON (${error instanceof Error ? error.message : String(error)})` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [first] = parsed.error.issues;
  return { ok: false, why: `${first?.path.join(".") ?? ""} ${first?.message ?? "is not valid"}`.trim() };
}
