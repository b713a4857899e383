/** Site heads and shards by digest. Immutable, so they are kept until memory is needed for others. */
import {
  SITE_VERSION,
  type SiteHead,
  type StaticFile,
  type StaticIndex,
  shardKey,
  shardOf,
  siteKey,
} from "#features/sites/site.ts";
import type { Scope } from "../scope.ts";
import { Flights } from "./flights.ts";
import { Lru } from "./lru.ts";

const MEMORY_BYTES = 32 * 1024 * 1024;
/** JSON in memory weighs about this much more than its text. */
const OBJECT_FACTOR = 3;
/** Immutable under their digest. */
const FOR_EVER = "public, max-age=31536000, immutable";

const memory = new Lru<unknown>(MEMORY_BYTES);
const flights = new Flights<unknown>();

/** @throws When R2 does not have it, or its shape is newer than this router. */
export async function readSite(scope: Scope, digest: string): Promise<SiteHead> {
  const head = (await readJson(scope, siteKey(digest))) as SiteHead;
  if (head.v > SITE_VERSION) throw new Error(`site ${digest} is of version ${head.v}`);
  return head;
}

/** @param path As in `StaticIndex`. */
export async function findFile(
  scope: Scope,
  digest: string,
  head: SiteHead,
  path: string,
): Promise<StaticFile | undefined> {
  const index = head.files ?? ((await readJson(scope, shardKey(digest, await shardOf(path)))) as StaticIndex);
  return Object.hasOwn(index, path) ? index[path] : undefined;
}

async function readJson(scope: Scope, key: string): Promise<unknown> {
  const held = memory.get(key);
  if (held !== undefined) return held;
  return flights.join(key, scope.clock.now(), scope.keepAlive, async () => {
    const text = await readText(scope, key);
    const value: unknown = JSON.parse(text);
    memory.set(key, value, text.length * OBJECT_FACTOR);
    return value;
  });
}

async function readText(scope: Scope, key: string): Promise<string> {
  const cache = await caches.open("sites");
  const url = `https://sites.internal/${key}`;
  const hit = await cache.match(url);
  if (hit) return hit.text();
  const object = await scope.env.BLOBS.get(key);
  if (!object) throw new Error(`there is no ${key}`);
  const text = await object.text();
  scope.keepAlive(cache.put(url, new Response(text, { headers: { "cache-control": FOR_EVER } })));
  return text;
}
