/**
 * The platform process: the Workers in one Miniflare, persisted under the home, each reached only through a direct
 * socket on loopback. Miniflare's unstable names appear here and nowhere else.
 */
import { join } from "node:path";
import type { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { type Config, WORKERS, type WorkerName } from "./config.ts";
import { freeBytes } from "./home.ts";
import type { Parts } from "./parts.ts";
import { V8_FLAGS } from "./workerd.ts";

export interface Platform {
  miniflare: Miniflare;
  /** `host:port` of a Worker's direct socket. */
  socketOf(worker: WorkerName): Promise<string>;
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

type V4Options = Parameters<typeof convertV4MiniflareOptions>[0];

export interface PlatformOptions {
  /** Texts that every Worker is given. */
  bindings: Record<string, string>;
  /** Ports of the processes of functions. */
  functions: { main: number; quarantine: number };
  /** Port of the process that bundles functions. */
  bundler: number;
  allow: readonly string[];
  onOutput(chunk: Buffer): void;
}

export async function startPlatform(
  config: Config,
  { bindings, functions, bundler, allow, onOutput }: PlatformOptions,
  parts: Parts,
): Promise<Platform> {
  const { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response } = parts.runtime.miniflare;
  // Asked for nothing but ingresses of regions, which on one machine are on loopback.
  const REGIONS_NET = {
    network: { allow: ["public", "private"], tlsOptions: { trustBrowserCas: true } },
  };
  const ofRouter = {
    REGIONS_NET,
    EGRESS: { network: { allow: [...allow], tlsOptions: { trustBrowserCas: true } } },
    ISOLATES: isolatesAt(functions.main),
    QUARANTINE: isolatesAt(functions.quarantine),
  };
  const ofApi = {
    REGIONS_NET,
    BUNDLER: { external: { address: `127.0.0.1:${bundler}`, http: {} } },
    DISK: () => Response.json({ free: freeBytes(config.home) }),
  };
  const services = (worker: WorkerName) =>
    worker === "edge-router" ? ofRouter : worker === "api" ? ofApi : {};
  const workers = await Promise.all(
    WORKERS.map((worker) => workerOptions(worker, config, bindings, services(worker), parts)),
  );
  const options = {
    host: "127.0.0.1",
    port: 0,
    log: new Log(LogLevel.ERROR),
    // What Workers print is one JSON line each; what workerd itself prints is for whoever debugs it.
    handleStructuredLogs: ({ message }: { message: string }) => onOutput(Buffer.from(`${message}\n`)),
    resourcePersistencePath: join(config.home, "state"),
    unsafeLocalExplorer: false,
    telemetry: { enabled: false },
    workers,
  } as unknown as V4Options;
  process.env.MINIFLARE_WORKERD_V8_FLAGS ??= V8_FLAGS.join(" ");
  const mine = SIGNALS.map((signal) => process.listeners(signal));
  const miniflare = new Miniflare(convertV4MiniflareOptions(options));
  // It listens to signals too, and would leave at once with nothing else stopped.
  const onlyMine = () => {
    for (const [i, signal] of SIGNALS.entries())
      for (const one of process.listeners(signal))
        if (!mine[i]?.includes(one)) process.removeListener(signal, one);
  };
  onlyMine();
  await miniflare.ready;
  onlyMine();
  return {
    miniflare,
    async socketOf(worker) {
      const url = await miniflare.unsafeGetDirectURL(`cloudify-${worker}`);
      return url.host;
    },
  };
}

async function workerOptions(
  worker: WorkerName,
  config: Config,
  bindings: Record<string, string>,
  services: object,
  parts: Parts,
) {
  const { code, options } = await parts.worker(worker);
  const isAway = config.without.has(worker);
  const source = isAway ? away(worker) : code;
  return {
    ...options,
    name: `cloudify-${worker}`,
    modules: [{ type: "ESModule", path: "index.mjs", contents: source }],
    modulesRoot: "/",
    bindings: { ...(options.bindings as object), ...bindings },
    serviceBindings: { ...(options.serviceBindings as object), ...services },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    // The consumer is the truth of the queue's settings; without it pokes would only pile up.
    ...(isAway ? { queueConsumers: {} } : {}),
  };
}

const isolatesAt = (port: number) => ({
  external: { address: `127.0.0.1:${port}`, http: { cfBlobHeader: "MF-CF-Blob" } },
});

/** Stands in for a Worker that is away: its address answers 503, its objects fail every call. */
function away(worker: WorkerName): string {
  const names = [
    "DeploymentObject",
    "PointerObject",
    "TeamSlots",
    "LogObject",
    "TrafficObject",
    "RegionObject",
  ];
  const objects = worker === "objects" ? names : [];
  const body = JSON.stringify({
    type: "https://cloudify.dev/problems/unavailable",
    title: "It is not available at the moment",
    status: 503,
    detail: `The platform runs without its ${worker} Worker.`,
    code: "unavailable",
    fix: "Start it without CLOUDIFY_WITHOUT. What is deployed goes on being served.",
  });
  return `import { DurableObject } from "cloudflare:workers";
${objects.map((name) => `export class ${name} extends DurableObject { constructor() { throw new Error("away"); } }`).join("\n")}
export default {
  fetch: () => new Response(${JSON.stringify(body)}, { status: 503, headers: { "content-type": "application/problem+json" } }),
  scheduled() {},
};`;
}
