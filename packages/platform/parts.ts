/**
 * What the platform on one machine is made of. In the repository the parts are bundled from source as `wrangler.toml`
 * says; beside the installed CLI they lie ready. This package knows neither.
 */
import type { D1Database } from "@cloudflare/workers-types";
import type { WorkerName } from "./config.ts";

/** What runs Workers: installed beside whoever starts the platform, and handed in so that nothing bundles it. */
export interface Runtime {
  miniflare: typeof import("miniflare");
  /** Path of workerd's binary. */
  workerd: string;
}

export interface WorkerPart {
  /** One ES module. */
  code: string;
  /** Bindings and the rest, as Miniflare 4 takes them; plain JSON. */
  options: Record<string, unknown>;
}

export interface Migration {
  name: string;
  sql: string;
}

export interface Parts {
  runtime: Runtime;
  worker(name: WorkerName): Promise<WorkerPart>;
  /** What loads functions, in a workerd of its own, as one ES module. */
  isolates(): Promise<string>;
  gate: {
    /** The Worker, as one ES module. */
    code(): Promise<string>;
    /** Path of the module that Miniflare loads as its plugin, `gate.plugin.ts`. */
    plugin: string;
  };
  /** What bundles functions from source, with esbuild's WebAssembly; `null`: none are taken. */
  bundler: (() => Promise<{ code: string; wasm: Uint8Array }>) | null;
  /** In the order in which they apply. */
  migrations(): Promise<readonly Migration[]>;
  /** Makes the first team and its token, unless they are there. */
  seed(db: D1Database, home: string, api: string): Promise<void>;
}
