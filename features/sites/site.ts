/**
 * The site: the compiled, validated, immutable snapshot of a deployment that the edge serves from. The control plane
 * writes it once, under its digest; the edge parses nothing but this JSON and trusts it.
 *
 * R2 keys: `sites/<digest>` is the head; `sites/<digest>/<two hex digits>` is a shard of the static index, for sites
 * of more than `INLINE_FILES` files. Bytes of a file lie under `blobs/<team>/<sha256>`, and its compressed forms under
 * `encoded/<team>/<sha256>.<br|gzip>`.
 */
import type { FunctionEntry } from "#features/functions/function.ts";
import type { RouteTable } from "#features/routing/table.ts";

/**
 * The newest shape; a router that meets a higher one keeps its last good site. A site is of the lowest that can say it:
 * 2 has workloads, and a router that knows only 1 would look for the code of a function that has none.
 */
export const SITE_VERSION = 2;

/** Above this many files the index is split into 256 shards. */
export const INLINE_FILES = 1_000;

export interface StaticFile {
  /** SHA-256 of the bytes, 64 hex digits; the strong validator is derived from it. */
  sha256: string;
  /** Bytes, uncompressed. */
  size: number;
  /** The whole `content-type`, charset included. */
  type: string;
  /** Size in bytes of the stored Brotli form, where there is one. */
  br?: number;
  /** Size in bytes of the stored gzip form, where there is one. */
  gzip?: number;
}

/** Keys are URL paths, decoded, without the leading slash: `index.html`, `assets/app.js`. */
export type StaticIndex = Record<string, StaticFile>;

/** A page that was rendered when the output was built (Build Output API v3, "Prerender Functions"). */
export interface Prerender {
  file: StaticFile;
  status: number;
  headers: [name: string, value: string][];
  /** Seconds after which it should be rendered anew; `false`: never. */
  expiration: number | false;
}

export interface SiteHead {
  v: 1 | typeof SITE_VERSION;
  /** Owner of the blobs. */
  team: string;
  routes: RouteTable;
  /** `null`: sharded, ask the shard of the path. */
  files: StaticIndex | null;
  fileCount: number;
  /** Output's name → its function. Absent: there are none. */
  functions?: Record<string, FunctionEntry>;
  /** Group → digest of its WorkloadSpec: what a region runs of it. Absent: it needs no region. */
  workloads?: Record<string, string>;
  /** Output's name → what is served of it before anything can render it anew. */
  prerenders?: Record<string, Prerender>;
  /** `/docs` answers with a redirect to `/docs/` when only `docs/index.html` exists, so that relative links work. */
  directoryRedirect: boolean;
}

/** First byte of SHA-256 of the path, as two hex digits: names the shard that holds it. */
export async function shardOf(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(path));
  return (new Uint8Array(digest)[0] ?? 0).toString(16).padStart(2, "0");
}

export const siteKey = (digest: string): string => `sites/${digest}`;
export const shardKey = (digest: string, shard: string): string => `sites/${digest}/${shard}`;
export const blobKey = (team: string, sha256: string): string => `blobs/${team}/${sha256}`;
export const encodedKey = (team: string, sha256: string, encoding: "br" | "gzip"): string =>
  `encoded/${team}/${sha256}.${encoding}`;
