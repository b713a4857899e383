/** Makes a `Base` from the bindings of a control-plane Worker; the API and the cron Worker have the same. */
import { drizzle } from "drizzle-orm/d1";
import type { Base, Objects } from "#core/ctx.ts";
import { parseKeyRing } from "#core/seal.ts";
import { type Clock, type Random, systemClock, systemRandom } from "#core/time.ts";

export interface ControlEnv {
  DB: D1Database;
  BLOBS: R2Bucket;
  SNAPSHOTS: KVNamespace;
  /** Bundles functions from source; only the API has it. */
  BUNDLER?: Fetcher;
  /** On one machine, where the platform's own network does not lead to everybody's; only the API has it. */
  REGIONS_NET?: Fetcher;
  DEPLOYMENTS: Objects["deployments"];
  POINTERS: Objects["pointers"];
  LOGS: Objects["logs"];
  TRAFFIC: Objects["traffic"];
  REGIONS: Objects["regions"];
  /** See core/seal.ts; a secret. */
  KEY_ENCRYPTION_KEYS: string;
  /** See core/seal.ts; a secret. */
  EDGE_KEYS: string;
  DEPLOY_DOMAIN: string;
  PUBLIC_ORIGIN: string;
  /** Milliseconds added to the clock; tests only. */
  CLOCK_OFFSET_MS?: string;
}

/** Time and chance: made once, at the entry points, and handed in; a test hands in its own. */
export interface Seams {
  clock: Clock;
  random: Random;
}

export const systemSeams = (env: Pick<ControlEnv, "CLOCK_OFFSET_MS">): Seams => ({
  clock: systemClock(Number(env.CLOCK_OFFSET_MS ?? 0)),
  random: systemRandom,
});

export const makeBase = (env: ControlEnv, seams: Seams, keepAlive: Base["keepAlive"]): Base => ({
  db: drizzle(env.DB),
  d1: env.DB,
  blobs: env.BLOBS,
  snapshots: env.SNAPSHOTS,
  bundler: env.BUNDLER ?? NO_BUNDLER,
  regionsNet: env.REGIONS_NET ?? OPEN_NET,
  objects: {
    deployments: env.DEPLOYMENTS,
    pointers: env.POINTERS,
    logs: env.LOGS,
    traffic: env.TRAFFIC,
    regions: env.REGIONS,
  },
  keyEncryptionKeys: parseKeyRing(env.KEY_ENCRYPTION_KEYS),
  edgeKeys: parseKeyRing(env.EDGE_KEYS),
  deployDomain: env.DEPLOY_DOMAIN,
  publicOrigin: env.PUBLIC_ORIGIN,
  ...seams,
  keepAlive,
});

const OPEN_NET: Base["regionsNet"] = { fetch: (...asked: Parameters<typeof fetch>) => fetch(...asked) };

const NO_BUNDLER: Base["bundler"] = {
  fetch: () => Promise.reject(new Error("this Worker has no bundler")),
};
