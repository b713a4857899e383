/** What the local platform is asked for by its environment. Each mistake is one clear line. */
import { isIP } from "node:net";
import { resolve } from "node:path";

export const WORKERS = ["objects", "api", "edge-router", "cron"] as const;
export type WorkerName = (typeof WORKERS)[number];

export interface Config {
  port: number;
  /** Address to listen on. */
  host: string;
  home: string;
  /** Workers that are replaced by one that answers nothing. */
  without: ReadonlySet<WorkerName>;
  /** Hostname whose site answers at every host that nobody has, in development; `null`: none does. */
  site: string | null;
  /** Lets a request header say where its client is; tests only. */
  testCf: boolean;
  /** Milliseconds added to every clock; tests only. */
  clockOffset: number;
}

/** A mistake of whoever starts the platform: told in one line, without a stack. */
export class StartError extends Error {}

export function readConfig(env: Record<string, string | undefined>): Config {
  const port = Number(env.PORT ?? 8787);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new StartError(
      `PORT=${env.PORT} is not a port; give a number from 0 to 65535 (0: any that is free).`,
    );
  }
  const host = env.CLOUDIFY_HOST ?? "127.0.0.1";
  if (isIP(host) === 0)
    throw new StartError(`CLOUDIFY_HOST=${host} is not an IP address; give 127.0.0.1 or 0.0.0.0, say.`);
  const isLoopback = host === "::1" || host.startsWith("127.");
  const testCf = env.CLOUDIFY_TEST_CF === "1";
  const clockOffset = Number(env.CLOUDIFY_TEST_CLOCK_OFFSET_MS ?? 0);
  if (!Number.isSafeInteger(clockOffset)) {
    throw new StartError("CLOUDIFY_TEST_CLOCK_OFFSET_MS is not a whole number of milliseconds.");
  }
  if (!isLoopback && (testCf || clockOffset !== 0)) {
    throw new StartError(
      "CLOUDIFY_TEST_… is for tests: it is refused unless the platform listens on loopback only.",
    );
  }
  const home = resolve(env.CLOUDIFY_HOME ?? ".cloudify");
  return {
    port,
    host,
    home,
    site: null,
    without: readWithout(env.CLOUDIFY_WITHOUT ?? ""),
    testCf,
    clockOffset,
  };
}

function readWithout(list: string): Set<WorkerName> {
  const names = list.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !WORKERS.some((worker) => worker === name));
  if (unknown !== undefined) {
    throw new StartError(`CLOUDIFY_WITHOUT names ${unknown}; there are ${WORKERS.join(", ")}.`);
  }
  return new Set(names as WorkerName[]);
}
