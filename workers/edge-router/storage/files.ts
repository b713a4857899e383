/**
 * Bytes of static files, nearest first: isolate memory for small ones, the location's Cache API, R2. Everything is named
 * by digest, so nothing here is ever stale.
 */
import { blobKey, encodedKey, type StaticFile } from "#features/sites/site.ts";
import type { Scope } from "../scope.ts";
import { Flights } from "./flights.ts";
import { Lru } from "./lru.ts";

export type Tier = "memory" | "cache" | "r2";
type Variant = "identity" | "br" | "gzip";
interface Span {
  offset: number;
  length: number;
}
type Bytes = Uint8Array<ArrayBuffer>;

const MEMORY_BYTES = 16 * 1024 * 1024;
const MEMORY_FILE_BYTES = 64 * 1024;
/** Larger ones stream from R2 each time: filling the cache would hold them in memory while the client reads. */
const CACHE_FILE_BYTES = 10 * 1024 * 1024;
const FOR_EVER = "public, max-age=31536000, immutable";

const memory = new Lru<Bytes>(MEMORY_BYTES);
const flights = new Flights<Bytes | null>();

/** One file of one answer; `tier` tells afterwards where the bytes came from. */
export class FileSource {
  tier: Tier = "memory";
  readonly #scope: Scope;
  readonly #team: string;
  readonly #file: StaticFile;

  constructor(scope: Scope, team: string, file: StaticFile) {
    this.#scope = scope;
    this.#team = team;
    this.#file = file;
  }

  /** @returns `null` when the bytes are nowhere: the store has lost what a site names. */
  async open(variant: Variant, span?: Span): Promise<ReadableStream | Bytes | null> {
    const { sha256 } = this.#file;
    const key =
      variant === "identity" ? blobKey(this.#team, sha256) : encodedKey(this.#team, sha256, variant);
    const size = variant === "identity" ? this.#file.size : (this.#file[variant] ?? 0);
    if (size <= MEMORY_FILE_BYTES) {
      const bytes =
        memory.get(key) ??
        (await flights.join(key, this.#scope.clock.now(), this.#scope.keepAlive, () => this.#load(key)));
      return bytes && span ? bytes.subarray(span.offset, span.offset + span.length) : bytes;
    }
    return this.#stream(key, size, span);
  }

  async #load(key: string): Promise<Bytes | null> {
    const cache = await caches.open("files");
    const hit = await cache.match(address(key));
    this.tier = hit ? "cache" : "r2";
    const body = hit ?? (await this.#scope.env.BLOBS.get(key));
    if (!body) return null;
    const bytes = new Uint8Array(await body.arrayBuffer());
    if (!hit) this.#scope.keepAlive(cache.put(address(key), cacheable(bytes)));
    memory.set(key, bytes, bytes.byteLength);
    return bytes;
  }

  async #stream(key: string, size: number, span?: Span): Promise<ReadableStream | null> {
    const cache = size <= CACHE_FILE_BYTES ? await caches.open("files") : null;
    const hit = await cache?.match(
      new Request(address(key), span ? { headers: { range: header(span) } } : {}),
    );
    if (hit?.body && hit.status === (span ? 206 : 200)) {
      this.tier = "cache";
      return hit.body;
    }
    this.tier = "r2";
    const object = await this.#scope.env.BLOBS.get(key, span ? { range: span } : {});
    if (!object) return null;
    if (!cache || span) return object.body;
    const [answer, copy] = object.body.tee();
    this.#scope.keepAlive(cache.put(address(key), cacheable(copy, size)).catch(() => undefined));
    return answer;
  }
}

const address = (key: string): string => `https://files.internal/${key}`;
const header = ({ offset, length }: Span): string => `bytes=${offset}-${offset + length - 1}`;

function cacheable(body: Bytes | ReadableStream, size?: number): Response {
  return new Response(body, {
    headers: { "cache-control": FOR_EVER, ...(size === undefined ? {} : { "content-length": String(size) }) },
  });
}
