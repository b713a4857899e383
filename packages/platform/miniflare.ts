/**
 * The platform process: the Workers in one Miniflare, persisted under the home, and the gate before them. Each Worker has
 * a direct socket on loopback too, for the platform's other processes. Miniflare's unstable names appear here and in the
 * gate's plugin, and nowhere else.
 */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { type Config, WORKERS, type WorkerName } from "./config.ts";
import type * as Gate from "./gate.plugin.ts";
import { addressOf, gateWorker } from "./gate.ts";
import { childrenOf, codeOf, freeBytes } from "./home.ts";
import type { Parts } from "./parts.ts";
import { portProblem } from "./ports.ts";
import { ended, V8_FLAGS } from "./workerd.ts";

export interface Platform {
  miniflare: Miniflare;
  /** `host:port` of a Worker's direct socket. */
  socketOf(worker: WorkerName): Promise<string>;
  /** Lets visitors in: until now the gate has told them to come again. */
  open(): void;
  /** Lets nobody in any more, and waits for a few seconds until those inside have been answered, and their lines written. */
  close(): Promise<void>;
  /** Ends it; the answers that are under way are waited for as long. */
  stop(): Promise<void>;
}

/** So long the gate waits for those inside. */
const PATIENCE_MS = 3_000;
/** More than the gate itself takes; one that hangs is not waited for. */
const CLOSE_MS = 4_000;
/** Lines are gathered for a moment, also those of calls that have been answered. */
const LINES_MS = 250;
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** In the environment of its process, which is told by it from those of other platforms. */
const MARK = "GATE_ADDRESS";

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
  /** Takes the id of each process that runs it: the first, and each that took the place of one that had ended. */
  onProcess(pid: number): void;
  /** It has ended, and can't be started again. */
  onEnd(): void;
}

export async function startPlatform(
  config: Config,
  { bindings, functions, bundler, allow, onOutput, onProcess, onEnd }: PlatformOptions,
  parts: Parts,
): Promise<Platform> {
  const { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response } = parts.runtime.miniflare;
  const { hold } = (await import(pathToFileURL(parts.gate.plugin).href)) as typeof Gate;
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
  let isOpen = false;
  const OPENED = () => new Response(null, { status: isOpen ? 200 : 503 });
  const behind = { API: "cloudify-api", EDGE: "cloudify-edge-router", OPENED };
  const gate = await gateWorker(config, parts.gate, behind);
  class Told extends Log {
    override error(message: Error): void {
      super.error(message);
      if ("code" in message && message.code === "ERR_RUNTIME_FAILURE") onEnd();
    }
  }
  let pid: number | null = null;
  let hasWaited = false;
  const address = addressOf(config);
  const processes = () => childrenOf(process.pid, `${MARK}=${address}`);
  const found = () => {
    [pid = null] = processes();
    if (pid !== null) onProcess(pid);
  };
  const options = {
    host: "127.0.0.1",
    port: 0,
    log: new Told(LogLevel.ERROR),
    unsafeHandleRuntimeRestart: found,
    unsafeRuntimeEnv: { [MARK]: address },
    // What Workers print is one JSON line each; what workerd itself prints is for whoever debugs it.
    handleStructuredLogs: ({ message }: { message: string }) => onOutput(Buffer.from(`${message}\n`)),
    resourcePersistencePath: join(config.home, "state"),
    unsafeLocalExplorer: false,
    telemetry: { enabled: false },
    workers: [...workers, gate],
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
  try {
    await miniflare.ready;
  } catch (error) {
    await miniflare.dispose().catch(() => undefined);
    // Somebody took it since it was looked at.
    if (codeOf(error) === "ERR_ADDRESS_IN_USE") throw portProblem(config.host, config.port, "EADDRINUSE");
    throw error;
  } finally {
    onlyMine();
  }
  found();
  const tell = async () => {
    // A proxy of Miniflare's holds this thread until it is answered, which one that hangs never does.
    await miniflare.dispatchFetch("http://gate.internal/").catch(() => undefined);
    const worker = await miniflare.getWorker(gate.name);
    await worker.scheduled({ cron: "close" });
  };
  return {
    miniflare,
    async socketOf(worker) {
      const url = await miniflare.unsafeGetDirectURL(`cloudify-${worker}`);
      return url.host;
    },
    open() {
      isOpen = true;
    },
    async close() {
      const startedAt = Date.now();
      isOpen = false;
      await Promise.race([tell(), wait(CLOSE_MS, undefined, { ref: false })]);
      hasWaited = Date.now() - startedAt >= PATIENCE_MS;
      await wait(LINES_MS);
    },
    async stop() {
      const letGo = hold(address);
      // What was not answered when the gate closed is not waited for again, nor what is under way beside it.
      if (!hasWaited && pid !== null && processes().includes(pid)) await ended(pid);
      const disposed = miniflare.dispose();
      letGo();
      await disposed;
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
