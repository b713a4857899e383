/**
 * The baseline: the same chain of processes that does nothing else. A gate, a Worker behind it that answers the same
 * bytes or asks on, and in a process of its own a Worker that loads Workers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig, startGate } from "@cloudify/platform";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { sourceParts } from "#scripts/platform/parts.ts";
import { freePort } from "#tests/support/platform.ts";

const WORKER = `
const text = "x".repeat(1000);
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/memory") return new Response(text);
    if (pathname.startsWith("/isolates")) return env.ISOLATES.fetch(request);
    if (pathname === "/cache") {
      const cache = await caches.open("bench");
      const url = "https://bench.internal/x";
      const hit = await cache.match(url);
      if (hit) return hit;
      await cache.put(url, new Response("x".repeat(100_000), { headers: { "cache-control": "max-age=3600" } }));
      return new Response(text);
    }
    const held = await env.BUCKET.get("x");
    if (held) return new Response(held.body);
    await env.BUCKET.put("x", new Uint8Array(11_000_000));
    return new Response(text);
  },
};`;

/** `/isolates` answers itself; below it each path has an isolate of its own. */
const LOADER = `
const code = {
  compatibilityDate: "2026-10-01",
  mainModule: "index.js",
  modules: { "index.js": 'const text = "x".repeat(1000); export default { fetch: () => new Response(text) };' },
};
const text = "x".repeat(1000);
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/isolates") return new Response(text);
    return env.LOADER.get(pathname, () => code).getEntrypoint().fetch(request);
  },
};`;

export interface Bare {
  /** Of the gate. */
  port: number;
  /** Of the Worker behind it, and of the one that loads Workers, asked directly. */
  direct: { worker: number; loader: number };
  stop(): Promise<void>;
}

export async function startBare(): Promise<Bare> {
  const home = mkdtempSync(join(tmpdir(), "cloudify-bare-"));
  const port = await freePort();
  const loader = await startWorker(join(home, "loader"), LOADER, { workerLoaders: { LOADER: {} } });
  const ISOLATES = { external: { address: loader.address, http: { cfBlobHeader: "MF-CF-Blob" } } };
  const bindings = { r2Buckets: { BUCKET: "bench" }, serviceBindings: { ISOLATES } };
  const worker = await startWorker(join(home, "worker"), WORKER, bindings);
  const gate = await startGate(
    readConfig({ PORT: String(port), CLOUDIFY_HOME: home }),
    { api: worker.address, edge: worker.address },
    sourceParts,
    (chunk) => process.stderr.write(chunk),
  );
  const portOf = (address: string) => Number(address.split(":").at(-1));
  return {
    port,
    direct: { worker: portOf(worker.address), loader: portOf(loader.address) },
    async stop() {
      await gate.stop();
      await worker.stop();
      await loader.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A Worker in a process of its own, behind a socket that leads to nothing else. */
async function startWorker(state: string, source: string, bindings: object) {
  const worker = {
    name: "bare",
    modules: [{ type: "ESModule" as const, path: "index.mjs", contents: source }],
    modulesRoot: "/",
    compatibilityDate: "2026-10-01",
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    ...bindings,
  };
  const options = {
    port: 0,
    log: new Log(LogLevel.ERROR),
    resourcePersistencePath: state,
    workers: [worker],
  };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions(options as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await miniflare.ready;
  const { host } = await miniflare.unsafeGetDirectURL("bare");
  return { address: host, stop: () => miniflare.dispose() };
}
