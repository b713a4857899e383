/** The static index: every file of `static/` at the address where it is served. Pure. */
import { contentTypeOf } from "#features/assets/content-type.ts";
import type { Failure } from "#features/deployments/failures.ts";
import { addressFaultOf, type ManifestFile } from "#features/deployments/manifest.ts";
import type { OutputConfig } from "./output.ts";
import type { StaticFile } from "./site.ts";

const FOLDER = "static/";

/** Where each file is served and as what; its compressed forms come later. */
export type PlainIndex = Map<string, Pick<StaticFile, "sha256" | "size" | "type">>;

export type Indexed = { ok: true; index: PlainIndex; warnings: string[] } | { ok: false; failure: Failure };

export function indexFiles(files: readonly ManifestFile[], overrides: OutputConfig["overrides"]): Indexed {
  const index: PlainIndex = new Map();
  const unused = new Set(overrides.keys());
  for (const { path, sha256, size } of files) {
    if (!path.startsWith(FOLDER)) continue;
    const name = path.slice(FOLDER.length);
    const override = overrides.get(name);
    unused.delete(name);
    const at = override?.path === undefined ? name : placeOf(override.path);
    const fault = override?.path === undefined ? null : addressFaultOf(`${FOLDER}${at}`);
    if (fault !== null) return refuse(`overrides: the path ${JSON.stringify(override?.path)} ${fault}`);
    if (index.has(at)) return refuse(`overrides: two files are served at ${JSON.stringify(`/${at}`)}`);
    index.set(at, { sha256, size, type: override?.contentType ?? contentTypeOf(name) });
  }
  const warnings = [...unused].map((name) => `config.json: overrides: there is no static/${name}`);
  return { ok: true, index, warnings };
}

/** Slashes at the ends mean nothing; the root is an index. */
function placeOf(path: string): string {
  const place = path.replace(/^\/+|\/+$/g, "");
  return place === "" ? "index" : place;
}

const refuse = (detail: string): Indexed => ({
  ok: false,
  failure: {
    code: "invalid_output",
    detail: `config.json: ${detail}.`,
    fix: "Correct `overrides` in the configuration, or rename the file.",
  },
});
