/** The baseline: the same gate before a Worker that answers the same bytes and does nothing else. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig, startGate } from "@cloudify/platform";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { sourceParts } from "#scripts/platform/parts.ts";
import { freePort } from "#tests/support/platform.ts";

const SOURCE = `
const text = "x".repeat(1000);
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/memory") return new Response(text);
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

export async function startBare(): Promise<{ port: number; stop(): Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), "cloudify-bare-"));
  const port = await freePort();
  const worker = {
    name: "bare",
    modules: [{ type: "ESModule" as const, path: "index.mjs", contents: SOURCE }],
    modulesRoot: "/",
    compatibilityDate: "2026-10-01",
    r2Buckets: { BUCKET: "bench" },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  };
  const options = {
    port: 0,
    log: new Log(LogLevel.ERROR),
    resourcePersistencePath: join(home, "state"),
    workers: [worker],
  };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions(options as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await miniflare.ready;
  const { host } = await miniflare.unsafeGetDirectURL("bare");
  const gate = await startGate(
    readConfig({ PORT: String(port), CLOUDIFY_HOME: home }),
    { api: host, edge: host },
    sourceParts,
    (chunk) => process.stderr.write(chunk),
  );
  return {
    port,
    async stop() {
      await gate.stop();
      await miniflare.dispose();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
