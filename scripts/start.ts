/** `npm start`: the whole platform on this machine, until a signal ends it. The last line of readiness is `ready <url>`. */
import { fileURLToPath } from "node:url";
import { type Config, readConfig, StartError } from "./platform/config.ts";
import { checkPort, startGate } from "./platform/gate.ts";
import { codeOf, loadKeys, lockHome, openHome } from "./platform/home.ts";
import { migrate } from "./platform/migrate.ts";
import { type Platform, startPlatform } from "./platform/miniflare.ts";
import { seed } from "./platform/seed.ts";
import { deployExample } from "./platform/welcome.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TICK_MS = 60_000;

async function start(): Promise<void> {
  const asked = readConfig(process.env);
  openHome(asked.home);
  const lock = lockHome(asked.home);
  const stops: (() => Promise<unknown>)[] = [async () => lock.release()];
  const stop = async (code: number): Promise<never> => {
    for (const one of stops.reverse()) await one().catch(() => undefined);
    process.exit(code);
  };
  const obey = () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      // Miniflare exits at once when it hears one, with nothing else stopped.
      process.removeAllListeners(signal).once(signal, () => stop(0));
    }
  };
  obey();
  try {
    const config: Config = { ...asked, port: await checkPort(asked.host, asked.port) };
    const api = `http://localhost:${config.port}`;
    const platform = await startPlatform(config, bindingsOf(config, api), ROOT);
    stops.push(() => platform.miniflare.dispose());
    obey();
    const db = await platform.miniflare.getD1Database("DB", "cloudify-api");
    await migrate(db, `${ROOT}/migrations`);
    const isWhole = config.without.size === 0;
    if (isWhole) await seed(db, config.home, api);
    const sockets = { api: await platform.socketOf("api"), edge: await platform.socketOf("edge-router") };
    const gate = await startGate(config, sockets, ROOT);
    lock.addChild(gate.pid);
    stops.push(() => gate.stop());
    void gate.ended.then(() => {
      console.error("The gate has ended; the platform stops.");
      return stop(1);
    });
    if (!config.without.has("cron")) stops.push(tickEveryMinute(platform));
    const example = isWhole ? await deployExample(config.home, ROOT) : null;
    if (example !== null) console.log(`examples/hello is at ${example}`);
    console.log(`ready ${api}`);
  } catch (error) {
    tell(error);
    await stop(1);
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
  };
};

/** Stands in for the Cron Trigger `* * * * *`: once at the start, then every minute. */
function tickEveryMinute(platform: Platform): () => Promise<void> {
  const tick = async () => {
    try {
      const worker = await platform.miniflare.getWorker("cloudify-cron");
      await worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "tick", error: String(error) }));
    }
  };
  void tick();
  const timer = setInterval(tick, TICK_MS);
  return async () => clearInterval(timer);
}

function tell(error: unknown): void {
  if (error instanceof StartError) console.error(error.message);
  else if (codeOf(error) === "ENOSPC")
    console.error("The disk is full: free some space, or set CLOUDIFY_HOME to another disk.");
  else console.error(error);
}

try {
  await start();
} catch (error) {
  tell(error);
  process.exit(1);
}
