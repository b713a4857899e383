/**
 * The whole platform on this machine: home → gate and Workers → isolates, each started after what it needs and stopped
 * before it; then the gate opens, and it closes first. Knows neither where the Workers come from nor who asked for it.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";
import { startBundler } from "./bundler.ts";
import type { Config } from "./config.ts";
import { loadKeys, lockHome, openHome } from "./home.ts";
import { startIsolates } from "./isolates.ts";
import { migrate } from "./migrate.ts";
import { type Platform, startPlatform } from "./miniflare.ts";
import type { Parts } from "./parts.ts";
import { checkPort, freePort } from "./ports.ts";
import { tether } from "./tether.ts";

const TICK_MS = 60_000;

export interface LocalOptions {
  config: Config;
  parts: Parts;
  /** Networks that functions and external rewrites may reach: `public`, `private`, and CIDRs. */
  allow: readonly string[];
  /** Takes what the processes print: JSON lines of Workers, and what workerd says of itself. */
  onOutput(chunk: Buffer): void;
  /** Takes what the platform has to say of its processes. */
  onEvent(event: Record<string, unknown>): void;
  /** Called when the home is ours, before anything of it is read. */
  onLocked?(): void;
}

export interface Started {
  /** `http://localhost:PORT`. */
  api: string;
  port: number;
  db: D1Database;
  /** Takes a process of the caller's that belongs to this home: a start after a kill ends it too. */
  own(pid: number): void;
}

export class LocalPlatform {
  readonly #options: LocalOptions;
  readonly #stops: (() => Promise<unknown>)[] = [];
  #stopping: Promise<void> | null = null;

  constructor(options: LocalOptions) {
    this.#options = options;
  }

  /** @param onEnd Called when it has ended, which it should not. @throws StartError; `stop` is still to be called. */
  async start(onEnd: () => void): Promise<Started> {
    const { config: asked, parts, allow, onOutput, onEvent } = this.#options;
    openHome(asked.home);
    const lock = lockHome(asked.home);
    this.#stops.push(async () => lock.release());
    this.#options.onLocked?.();
    const { host } = asked;
    await checkPort(host, asked.port);
    // It is listened on seconds later: one of the system's own choice may be anybody's by then.
    const config: Config = { ...asked, port: asked.port || (await freePort(host)) };
    const api = `http://localhost:${config.port}`;
    const functions = { main: await freePort(), quarantine: await freePort() };
    const bundler = await freePort();
    const key = randomBytes(32).toString("hex");
    const bindings = { ...bindingsOf(config, api), INTERNAL_KEY: key };
    let starts = 0;
    let letGo = () => {};
    this.#stops.push(async () => letGo());
    const onProcess = (pid: number) => {
      lock.addChild(pid);
      letGo();
      letGo = tether([pid]);
      if (starts++ > 0)
        onEvent({ level: "warn", at: "platform", pid, why: "has ended, and was started again" });
    };
    const told = { onOutput, onProcess, onEnd: () => this.#stopping ?? onEnd() };
    const platform = await startPlatform(config, { bindings, functions, bundler, allow, ...told }, parts);
    this.#stops.push(() => platform.stop());
    const db = await platform.miniflare.getD1Database("DB", "cloudify-api");
    await migrate(db, await parts.migrations());
    if (config.without.size === 0) await parts.seed(db, config.home, api);
    const edge = await platform.socketOf("edge-router");
    const watch = { onEvent, onPid: (pid: number) => lock.addChild(pid) };
    for (const name of ["main", "quarantine"] as const) {
      const about = { folder: join(config.home, "isolates"), platform: edge, key };
      const isolates = { ...about, ...watch, deployDomain: "localhost", allow };
      const place = await startIsolates(name, functions[name], isolates, parts);
      this.#stops.push(() => place.stop());
    }
    if (parts.bundler) {
      const folder = join(config.home, "bundler");
      const place = await startBundler(bundler, folder, watch, parts.bundler, parts.runtime.workerd);
      this.#stops.push(() => place.stop());
    }
    this.#stops.push(() => platform.close());
    platform.open();
    if (!config.without.has("cron")) this.#stops.push(tickEveryMinute(platform, onEvent));
    const own = (pid: number) => lock.addChild(pid);
    return { api, port: config.port, db: db as unknown as D1Database, own };
  }

  /** Ends whatever was started, in the other order; called twice, it waits for the same end. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const one of this.#stops.reverse()) await one().catch(() => undefined);
    })();
    return this.#stopping;
  }
}

const bindingsOf = (config: Config, api: string): Record<string, string> => {
  const { keyEncryptionKeys, edgeKeys } = loadKeys(config.home);
  return {
    PUBLIC_ORIGIN: api,
    DEPLOY_DOMAIN: "localhost",
    KEY_ENCRYPTION_KEYS: keyEncryptionKeys,
    EDGE_KEYS: edgeKeys,
    CLOCK_OFFSET_MS: String(config.clockOffset),
    POINTER_CACHE_SECONDS: "0",
    ...(config.site === null ? {} : { DEVELOPMENT_HOST: config.site }),
  };
};

/** Stands in for the Cron Trigger `* * * * *`: once at the start, then every minute. */
function tickEveryMinute(platform: Platform, onEvent: LocalOptions["onEvent"]): () => Promise<void> {
  const tick = async () => {
    try {
      const worker = await platform.miniflare.getWorker("cloudify-cron");
      await worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    } catch (error) {
      onEvent({ level: "error", at: "tick", error: String(error) });
    }
  };
  void tick();
  const timer = setInterval(tick, TICK_MS);
  return async () => clearInterval(timer);
}
