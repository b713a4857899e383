/**
 * The platform process: the Workers of wrangler.toml in one Miniflare, persisted under the home, each reached only
 * through a direct socket on loopback. The two unstable names that this rests on appear here and nowhere else.
 */
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { bundle } from "./bundle.ts";
import { type Config, WORKERS, type WorkerName } from "./config.ts";

export interface Platform {
  miniflare: Miniflare;
  /** `host:port` of a Worker's direct socket. */
  socketOf(worker: WorkerName): Promise<string>;
}

type V4Options = Parameters<typeof convertV4MiniflareOptions>[0];

export async function startPlatform(
  config: Config,
  bindings: Record<string, string>,
  root: string,
): Promise<Platform> {
  const workers = await Promise.all(WORKERS.map((worker) => workerOptions(worker, config, bindings, root)));
  const options = {
    host: "127.0.0.1",
    port: 0,
    log: new Log(LogLevel.ERROR),
    handleRuntimeStdio: passOn,
    resourcePersistencePath: join(config.home, "state"),
    unsafeLocalExplorer: false,
    telemetry: { enabled: false },
    workers,
  } as unknown as V4Options;
  const miniflare = new Miniflare(convertV4MiniflareOptions(options));
  await miniflare.ready;
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
  root: string,
) {
  const { workerOptions: options, main } = unstable_getMiniflareWorkerOptions(
    join(root, "wrangler.toml"),
    worker,
  );
  const isAway = config.without.has(worker);
  const source = isAway ? away(worker) : await bundle(main ?? "");
  const own = worker === "edge-router" ? { EGRESS: egress() } : {};
  return {
    ...options,
    name: `cloudify-${worker}`,
    modules: [{ type: "ESModule", path: "index.mjs", contents: source }],
    modulesRoot: "/",
    bindings: { ...(options.bindings as object), ...bindings },
    serviceBindings: { ...(options.serviceBindings as object), ...own },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    // The consumer is the truth of the queue's settings; without it pokes would only pile up.
    ...(isAway ? { queueConsumers: {} } : {}),
  };
}

/** Only public addresses, and those that CLOUDIFY_ALLOW_PRIVATE names: checked when a connection is made. */
function egress() {
  const more = (process.env.CLOUDIFY_ALLOW_PRIVATE ?? "").split(",").filter((cidr) => cidr !== "");
  return { network: { allow: ["public", ...more], tlsOptions: { trustBrowserCas: true } } };
}

/** Stands in for a Worker that is away: its address answers 503, its objects fail every call. */
function away(worker: WorkerName): string {
  const names = ["DeploymentObject", "PointerObject", "TeamSlots", "LogObject", "TrafficObject"];
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

/** What Workers print is one JSON line each; what workerd itself prints is for whoever debugs it. */
function passOn(stdout: NodeJS.ReadableStream, stderr: NodeJS.ReadableStream): void {
  stdout.on("data", (chunk: Buffer) => process.stderr.write(chunk));
  stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk));
}
