/**
 * The baseline: a chain of processes that does nothing else. The gate, a Worker behind it that answers the same bytes or
 * asks on, and in a process of its own a Worker that loads Workers. The same again with the gate in the Worker's process.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gateWorker } from "@cloudify/platform";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { sourceParts } from "#scripts/platform/parts.ts";
import { freePort } from "#tests/support/platform.ts";
import { startGate } from "./gate.ts";

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
  /** Of the gate that stands in the Worker's process. */
  together: number;
  /** Of the Worker behind it, and of the one that loads Workers, asked directly. */
  direct: { worker: number; loader: number };
  stop(): Promise<void>;
}

export async function startBare(): Promise<Bare> {
  const home = mkdtempSync(join(tmpdir(), "cloudify-bare-"));
  const port = await freePort();
  const together = await freePort();
  const loader = await startWorker(join(home, "loader"), LOADER, { workerLoaders: { LOADER: {} } });
  const ISOLATES = { external: { address: loader.address, http: { cfBlobHeader: "MF-CF-Blob" } } };
  const bindings = { r2Buckets: { BUCKET: "bench" }, serviceBindings: { ISOLATES } };
  const inside = { host: "127.0.0.1", port: together, testCf: false };
  // It says that it is open, too.
  const front = await gateWorker(inside, sourceParts.gate, { API: NAME, EDGE: NAME, OPENED: NAME });
  const worker = await startWorker(join(home, "worker"), WORKER, bindings, [front]);
  const gate = await startGate(port, home, worker.address);
  const portOf = (address: string) => Number(address.split(":").at(-1));
  return {
    port,
    together,
    direct: { worker: portOf(worker.address), loader: portOf(loader.address) },
    async stop() {
      await gate.stop();
      await worker.stop();
      await loader.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const NAME = "bare";

/** A Worker in a process of its own, behind a socket that leads to nothing else. */
async function startWorker(state: string, source: string, bindings: object, others: object[] = []) {
  const worker = {
    name: NAME,
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
    workers: [worker, ...others],
  };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions(options as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await miniflare.ready;
  const { host } = await miniflare.unsafeGetDirectURL(NAME);
  return { address: host, stop: () => miniflare.dispose() };
}
