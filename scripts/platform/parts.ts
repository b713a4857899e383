/**
 * The platform's parts from this repository: bundled from source, with the bindings that wrangler.toml gives them. The
 * unstable name of wrangler's that this rests on appears here and nowhere else.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Migration, Parts, WorkerName, WorkerPart } from "@cloudify/platform";
import * as miniflare from "miniflare";
import workerd from "workerd";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { bundle } from "./bundle.ts";
import { seed } from "./seed.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** @param isShipped Small, and with no path of this machine. */
const partsOf = (isShipped: boolean): Parts => ({
  runtime: { miniflare, workerd: workerd.default },
  worker: (name) => workerPart(name, isShipped),
  isolates: () => bundle(join(ROOT, "workers/edge-router/isolates.ts"), isShipped),
  gate: {
    code: () => bundle(join(ROOT, "packages/platform/gate.worker.ts"), isShipped),
    plugin: join(ROOT, "packages/platform/gate.plugin.ts"),
  },
  bundler: async () => ({
    code: await bundle(join(ROOT, "workers/api/bundler.ts"), isShipped),
    wasm: readFileSync(fileURLToPath(import.meta.resolve("esbuild-wasm/esbuild.wasm"))),
  }),
  migrations: async () => readMigrations(),
  seed,
});

export const sourceParts: Parts = partsOf(false);
export const shippedParts: Parts = partsOf(true);

async function workerPart(name: WorkerName, isShipped: boolean): Promise<WorkerPart> {
  const { workerOptions, main } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"), name);
  const { rootPath, ...options } = workerOptions as Record<string, unknown>;
  return {
    code: await bundle(main ?? "", isShipped),
    options: isShipped ? options : { rootPath, ...options },
  };
}

function readMigrations(): Migration[] {
  const folder = join(ROOT, "migrations");
  const names = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return names.sort().map((name) => ({ name, sql: readFileSync(join(folder, name), "utf8") }));
}
