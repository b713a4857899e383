/** An uploaded output → a site: read, check, encode, store by digest. Runs in workers/cron; can be run again. */
import type { Base } from "#core/ctx.ts";
import { canonicalJson, sha256 } from "#core/encoding.ts";
import { isCompressible } from "#features/assets/content-type.ts";
import { findBlobs } from "#features/blobs/service.ts";
import type { Failure } from "#features/deployments/machine.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import { encodeBlobs } from "./encode.ts";
import { indexFiles } from "./index-files.ts";
import { MAX_CONFIG_BYTES, parseOutput } from "./output.ts";
import {
  blobKey,
  INLINE_FILES,
  SITE_VERSION,
  type SiteHead,
  type StaticFile,
  type StaticIndex,
  shardKey,
  shardOf,
  siteKey,
} from "./site.ts";

const MAX_HEAD_BYTES = 8 * 1024 * 1024;

export type Compiled =
  | { ok: true; site: string; files: number; routes: number; warnings: string[] }
  | { ok: false; failure: Failure };

export async function compile(
  base: Base,
  team: string,
  manifest: string,
  alive: () => Promise<void>,
): Promise<Compiled> {
  const { files } = JSON.parse(await readText(base, team, manifest)) as { files: ManifestFile[] };
  const own = files.find((file) => file.path === "config.json");
  if (!own || own.size > MAX_CONFIG_BYTES) {
    const detail = `config.json has ${own?.size} bytes; ${MAX_CONFIG_BYTES} are allowed.`;
    return { ok: false, failure: { code: "invalid_output", detail, fix: "Use fewer or simpler routes." } };
  }
  const parsed = parseOutput(
    await readText(base, team, own.sha256),
    files.map((file) => file.path),
  );
  if (!parsed.ok) return parsed;
  await alive();
  const { config } = parsed;

  const plain = indexFiles(files, config.overrides, () => ({}));
  const digests = [
    ...new Set([...plain.values()].filter((file) => isCompressible(file.type)).map((file) => file.sha256)),
  ];
  const known = await findBlobs(base, team, digests);
  const forms = await encodeBlobs(base, team, [...known.values()], alive);
  const index = indexFiles(files, config.overrides, (digest) => forms.get(digest) ?? {});

  const { routes, directoryRedirect, warnings } = config;
  const isSharded = index.size > INLINE_FILES;
  const head: SiteHead = {
    v: SITE_VERSION,
    team,
    routes,
    files: isSharded ? null : sorted(index),
    fileCount: index.size,
    directoryRedirect,
  };
  const shards = isSharded ? await shardsOf(index) : new Map<string, string>();
  const text = canonicalJson(head);
  if (text.length > MAX_HEAD_BYTES) {
    const detail = `The site's routes come to ${text.length} bytes; ${MAX_HEAD_BYTES} are allowed.`;
    return { ok: false, failure: { code: "invalid_output", detail, fix: "Join routes with patterns." } };
  }
  const site = await sha256(`${text}\n${[...shards.values()].join("\n")}`);
  for (const [shard, body] of shards) {
    await base.blobs.put(shardKey(site, shard), body);
    await alive();
  }
  // Last: who finds the head finds all of it.
  await base.blobs.put(siteKey(site), text);
  const count = Object.values(routes.phases).reduce((sum, phase) => sum + phase.length, 0);
  return { ok: true, site, files: index.size, routes: count, warnings };
}

/** All 256, the empty ones too: a shard that is missing is a fault, not a page that is not there. */
async function shardsOf(index: Map<string, StaticFile>): Promise<Map<string, string>> {
  const shards = new Map<string, StaticIndex>();
  for (let i = 0; i < 256; i++) shards.set(i.toString(16).padStart(2, "0"), {});
  for (const [path, file] of index) {
    const shard = shards.get(await shardOf(path));
    if (shard) shard[path] = file;
  }
  return new Map([...shards].map(([name, shard]) => [name, canonicalJson(shard)]));
}

const sorted = (index: Map<string, StaticFile>): StaticIndex =>
  Object.fromEntries([...index].sort(([a], [b]) => (a < b ? -1 : 1)));

async function readText(base: Base, team: string, digest: string): Promise<string> {
  const object = await base.blobs.get(blobKey(team, digest));
  if (!object) throw new Error(`there is no blob ${digest}`);
  return object.text();
}
