/**
 * A region's agent: `node main.ts`, configured by its environment (docs/regions.md). One line of JSON for each thing that
 * happens, on standard output. Exit codes: 0 asked to end, 1 failed, 2 the configuration is wrong, 3 nobody knows its
 * credential or token, 4 another agent runs on its home.
 */
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { Agent } from "./agent.ts";
import { BlobCache } from "./blobs.ts";
import { installAhead } from "./build/ahead.ts";
import { workBuild } from "./build-task.ts";
import { createClient } from "./client.ts";
import { systemClock } from "./clock.ts";
import { ConfigError, parseConfig } from "./config.ts";
import { diskStorage } from "./disk.ts";
import { CORES, driverOf, processHome } from "./drivers.ts";
import { gaugesOf } from "./gauges.ts";
import { IdentityError, IdentityFile } from "./identity.ts";
import { cachesIn, sweepJobs, trimCaches } from "./leftovers.ts";
import { keepMetrics } from "./metrics.ts";
import { sweepWorkloads } from "./process/folders.ts";
import type { Log, Seams } from "./seams.ts";
import { LAST_GOOD, type LastGood, load } from "./state.ts";

const VERSION = "0.1.0";

class HomeInUse extends Error {}

/** Name of the region, once it is known: several agents may write to one place. */
let about: { region?: string } = {};
const log: Log = (level, message, fields = {}) => {
  const line = { at: new Date().toISOString(), level, ...about, message, ...fields };
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ending.abort(signal));

/** Node refuses some calls of a promise that nobody waits for; none of them may end what the agent serves. */
process.on("unhandledRejection", (reason) => {
  log("error", "A promise failed that nobody waited for.", {
    error: reason instanceof Error ? reason.stack : String(reason),
  });
});

async function main(): Promise<void> {
  const config = parseConfig(process.env, totalmem());
  mkdirSync(config.home, { recursive: true, mode: 0o700 });
  const unlock = lock(config.home);
  const storage = diskStorage(config.home);
  const seams: Seams = { clock: systemClock(), random: Math.random, fetch, storage, log };
  const identity = new IdentityFile(seams);
  const client = createClient(config.api, () => identity.credential, seams);
  await identity.exchange(client, config.token, ending.signal);
  // It is known to nobody else from here on, least of all to what is run.
  delete process.env.CLOUDIFY_REGION_TOKEN;
  const { region, name } = identity.current;
  about = { region: name };
  const driver = await driverOf(config, name, seams);
  const builds = join(config.home, "builds");
  await sweepJobs(builds);
  const held = load<LastGood>(storage, LAST_GOOD, log);
  // Without it nothing is known of what is to be here: then nothing goes.
  if (held)
    await sweepWorkloads(
      processHome(config),
      [...held.items, ...held.kept].map(({ id }) => id),
    );
  const blobs = new BlobCache(join(config.home, "blobs"), client, seams, config.blobBytes);
  const agent = new Agent(seams, {
    client,
    identity,
    driver,
    blobs,
    bootId: randomUUID(),
    version: VERSION,
    pid: process.pid,
    capacity: { cpu: CORES, memoryBytes: totalmem(), builds: config.builds },
    work: ({ lease, lines }) => {
      const onLine = (deployment: string, level: "info" | "warn" | "error", text: string) =>
        lines.add(deployment, { stream: "build", at: seams.clock.now(), level, text });
      const options = {
        home: builds,
        cacheBytes: config.buildCacheBytes,
        client,
        lease,
        blobs,
        driver,
        onLine,
      };
      return (task, signal) => workBuild(seams, options, task, signal);
    },
  });
  const metrics =
    config.metricsPort === null
      ? null
      : await keepMetrics(config.metricsHost, config.metricsPort, () => gaugesOf(agent, driver), log);
  if (!ending.signal.aborted) {
    await agent.start();
    void trimCaches(cachesIn(builds), config.buildCacheBytes, seams).catch((error: unknown) =>
      log("warn", "Build caches could not be looked through.", { error: String(error) }),
    );
    log("info", "The agent runs.", {
      regionId: region,
      ingress: driver.ingress,
      metricsPort: metrics?.port ?? null,
    });
    if (config.tools !== null && config.builds > 0 && config.driver === "process")
      void installAhead(config.tools, cachesIn(builds), log, ending.signal);
    await new Promise((resolve) => ending.signal.addEventListener("abort", resolve, { once: true }));
    log("info", "The agent ends: what is under way may finish.", { signal: String(ending.signal.reason) });
    await agent.stop();
  }
  metrics?.close();
  unlock();
}

/** Two agents on one home would be one holder with two minds. @throws HomeInUse */
function lock(home: string): () => void {
  const path = join(home, "agent.pid");
  const held = Number(read(path));
  if (held > 0 && held !== process.pid && isAgent(held, home))
    throw new HomeInUse(
      `An agent runs on ${home} already (process ${held}); stop it, or set CLOUDIFY_AGENT_HOME.`,
    );
  const file = openSync(path, "w", 0o600);
  writeSync(file, String(process.pid));
  closeSync(file);
  return () => rmSync(path, { force: true });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A number alone may be another program's by now. */
function isAgent(pid: number, home: string): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const environment = read(`/proc/${pid}/environ`);
  return environment === "" || environment.split("\0").includes(`CLOUDIFY_AGENT_HOME=${home}`);
}

function exitCode(error: unknown): number {
  if (error instanceof ConfigError) return 2;
  if (error instanceof IdentityError) return 3;
  return error instanceof HomeInUse ? 4 : 1;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const code = exitCode(error);
    const text =
      error instanceof Error ? (code === 1 ? (error.stack ?? error.message) : error.message) : String(error);
    log("error", text, { exitCode: code });
    process.exit(code);
  },
);
