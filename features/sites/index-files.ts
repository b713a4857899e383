/** The static index: every file of `static/` at the address where it is served. Pure. */
import { contentTypeOf } from "#features/assets/content-type.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import type { OutputConfig } from "./output.ts";
import type { StaticFile } from "./site.ts";

const FOLDER = "static/";

/** Sizes of the stored compressed forms of a blob. */
export interface Forms {
  br?: number;
  gzip?: number;
}

export function indexFiles(
  files: readonly ManifestFile[],
  overrides: OutputConfig["overrides"],
  formsOf: (sha256: string) => Forms,
): Map<string, StaticFile> {
  const index = new Map<string, StaticFile>();
  for (const { path, sha256, size } of files) {
    if (!path.startsWith(FOLDER)) continue;
    const name = path.slice(FOLDER.length);
    const override = overrides[name];
    const at = override?.path?.replace(/^\/+/, "") ?? name;
    index.set(at, { sha256, size, type: override?.contentType ?? contentTypeOf(name), ...formsOf(sha256) });
  }
  return index;
}
