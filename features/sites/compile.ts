/** An uploaded output → a site: read, check, encode, store by digest. Runs in workers/cron; can be run again. */
import type { Base } from "#core/ctx.ts";
import { canonicalJson, sha256 } from "#core/encoding.ts";
import { isCompressible } from "#features/assets/content-type.ts";
import { findBlobs } from "#features/blobs/service.ts";
import type { Failure } from "#features/deployments/failures.ts";
import type { ManifestFile } from "#features/deployments/manifest.ts";
import type { RouteTable } from "#features/routing/table.ts";
import { encodeBlobs } from "./encode.ts";
import { collectFunctions } from "./functions.ts";
import { indexFiles, type PlainIndex } from "./index-files.ts";
import { readBlob } from "./lost.ts";
import { MAX_CONFIG_BYTES, type OutputConfig, parseOutput } from "./output.ts";
import {
  INLINE_FILES,
  SITE_VERSION,
  type SiteHead,
  type StaticFile,
  type StaticIndex,
  shardKey,
  shardOf,
  siteKey,
} from "./site.ts";
import type { Work } from "./work.ts";

/** Bytes; the edge keeps many of them in memory. */
const MAX_HEAD_BYTES = 1024 * 1024;
const PUTS_AT_ONCE = 16;

export interface Facts {
  files: number;
  bytes: number;
  routes: number;
  functions: number;
  /** Files that were compressed for this deployment; the others had been before. */
  encoded: number;
}

export type Compiled =
  | {
      ok: true;
      site: string;
      /** Group → digest of its spec. */
      workloads: Record<string, string>;
      /** Group → ids of the regions that it runs in, where that is not wherever the deployment does. */
      pinned: Record<string, string[]>;
      facts: Facts;
      warnings: string[];
    }
  | { ok: false; failure: Failure };

export async function compile(base: Base, team: string, manifest: string, work: Work): Promise<Compiled> {
  const { files } = JSON.parse(await readText(base, team, manifest)) as { files: ManifestFile[] };
  const own = files.find((file) => file.path === "config.json");
  if (!own || own.size > MAX_CONFIG_BYTES) {
    const detail = `config.json has ${own?.size ?? 0} bytes; at most ${MAX_CONFIG_BYTES} are allowed.`;
    return refuse(detail, "Use fewer routes, or join them with patterns.");
  }
  const paths = files.map((file) => file.path);
  const parsed = parseOutput(await readText(base, team, own.sha256), paths);
  if (!parsed.ok) return parsed;
  const { config } = parsed;
  const indexed = indexFiles(files, config.overrides);
  if (!indexed.ok) return indexed;
  const made = await collectFunctions(base, team, files, indexed.index, destsOf(config.routes), work);
  if (!made.ok) return made;
  const missing = middlewareMissing(config.routes, made.functions);
  if (missing !== null) {
    return refuse(
      `config.json: routes name the middleware ${missing}, which is not a function of the output.`,
      FIX,
    );
  }
  const routes = countOf(config.routes);
  const functions = Object.keys(made.functions).length;
  if (
    indexed.index.size === 0 &&
    routes === 0 &&
    functions === 0 &&
    Object.keys(made.prerenders).length === 0
  ) {
    return refuse(
      "The output has neither files in static/ nor functions nor routes, so every address would answer 404.",
      "Check the output directory of the build; `cloudify deploy` of a folder serves its files.",
    );
  }
  await work.alive();
  const { index, encoded } = await encode(base, team, indexed.index, work);
  const stored = await store(base, team, config, index, made, work);
  if (!stored.ok) return stored;
  const bytes = [...index.values()].reduce((sum, file) => sum + file.size, 0);
  const warnings = [...config.warnings, ...indexed.warnings, ...made.warnings];
  return {
    ok: true,
    site: stored.site,
    workloads: made.workloads,
    pinned: made.pinned,
    facts: { files: index.size, bytes, routes, functions, encoded },
    warnings,
  };
}

async function encode(base: Base, team: string, plain: PlainIndex, work: Work) {
  const worth = [...plain.values()].filter((file) => isCompressible(file.type)).map((file) => file.sha256);
  const known = await findBlobs(base, team, [...new Set(worth)]);
  const { forms, made } = await encodeBlobs(base, team, [...known.values()], work);
  // A blob may be text under one name and not under another; only text is sent compressed.
  const index = new Map<string, StaticFile>();
  for (const [path, file] of plain) {
    index.set(path, { ...file, ...(isCompressible(file.type) ? forms.get(file.sha256) : {}) });
  }
  return { index, encoded: made };
}

type Stored = { ok: true; site: string } | { ok: false; failure: Failure };

async function store(
  base: Base,
  team: string,
  config: OutputConfig,
  index: Map<string, StaticFile>,
  { functions, workloads, prerenders }: Required<Pick<SiteHead, "functions" | "workloads" | "prerenders">>,
  work: Work,
): Promise<Stored> {
  const { routes, directoryRedirect } = config;
  const isRegional = Object.keys(workloads).length > 0;
  const about = {
    v: isRegional ? SITE_VERSION : 1,
    team,
    routes,
    fileCount: index.size,
    directoryRedirect,
  } as const;
  const head = {
    ...about,
    ...(isRegional ? { workloads } : {}),
    ...(Object.keys(functions).length > 0 ? { functions } : {}),
    ...(Object.keys(prerenders).length > 0 ? { prerenders } : {}),
  };
  let text = index.size > INLINE_FILES ? null : textOf({ ...head, files: sorted(index) });
  const isSharded = text === null || bytesOf(text) > MAX_HEAD_BYTES;
  if (text === null || isSharded) text = textOf({ ...head, files: null });
  if (bytesOf(text) > MAX_HEAD_BYTES) {
    const detail = `The site's routes and functions come to ${bytesOf(text)} bytes; ${MAX_HEAD_BYTES} are allowed.`;
    return refuse(detail, "Use fewer routes, or join them with patterns.");
  }
  const shards = isSharded ? await shardsOf(index) : [];
  const site = await sha256(`${text}\n${shards.map(([, body]) => body).join("\n")}`);
  for (let at = 0; at < shards.length; at += PUTS_AT_ONCE) {
    const some = shards.slice(at, at + PUTS_AT_ONCE);
    await Promise.all(some.map(([shard, body]) => base.blobs.put(shardKey(site, shard), body)));
    await work.alive();
  }
  // Last: who finds the head finds all of it.
  await base.blobs.put(siteKey(site), text);
  return { ok: true, site };
}

/** All 256, the empty ones too: a shard that is missing is a fault, not a page that is not there. */
async function shardsOf(index: Map<string, StaticFile>): Promise<[shard: string, body: string][]> {
  const shards = new Map<string, Map<string, StaticFile>>();
  for (let i = 0; i < 256; i++) shards.set(i.toString(16).padStart(2, "0"), new Map());
  for (const [path, file] of index) shards.get(await shardOf(path))?.set(path, file);
  return [...shards].map(([name, shard]) => [name, canonicalJson(sorted(shard))]);
}

const textOf = (head: SiteHead): string => canonicalJson(head);

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

const sorted = (index: Map<string, StaticFile>): StaticIndex =>
  Object.fromEntries([...index].sort(([a], [b]) => (a < b ? -1 : 1)));

/** A middleware that routes name must be there: without it what it guards would be open. */
function middlewareMissing(routes: RouteTable, functions: Record<string, unknown>): string | null {
  const named = Object.values(routes.phases).flatMap((phase) => phase.map((route) => route.middlewarePath));
  return (
    named.find((name) => name !== undefined && !Object.hasOwn(functions, name.replace(/^\/+/, ""))) ?? null
  );
}

const destsOf = ({ phases }: RouteTable): string[] =>
  Object.values(phases).flatMap((phase) => phase.flatMap(({ dest }) => (dest === undefined ? [] : [dest])));

const FIX = "Build the output again, or take the route out.";

const countOf = (routes: RouteTable): number =>
  Object.values(routes.phases).reduce((sum, phase) => sum + phase.length, 0);

const readText = async (base: Base, team: string, digest: string): Promise<string> =>
  (await readBlob(base, team, digest)).text();

const refuse = (detail: string, fix: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { code: "invalid_output", detail, fix },
});
