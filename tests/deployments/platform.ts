/**
 * The control plane for tests: objects, API and cron Worker as wrangler.toml describes them, in one Miniflare on a folder
 * of its own. No gate and no router; what is served is tested elsewhere.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { D1Database, DurableObjectNamespace, KVNamespace, R2Bucket } from "@cloudflare/workers-types";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import type { RegionRpc } from "#features/regions/rpc.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WORKERS = ["objects", "api", "cron"] as const;
const ring = JSON.stringify({ current: "a", keys: { a: randomBytes(32).toString("base64") } });

/** What the API answered; `body` is JSON, or text where it is not. */
export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they expect, and fail when it is not there
  body: any;
  headers: Headers;
}

export interface TestPlatform {
  db: D1Database;
  store: R2Bucket;
  snapshots: KVNamespace;
  /** Its object, as the platform's own parts call it. */
  region(id: string): RegionRpc;
  url: string;
  /** The owner's. */
  token: string;
  call(method: string, path: string, body?: unknown, more?: CallOptions): Promise<Answer>;
  /** With the owner's token, for what `call` does not read to its end. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Uploads bytes and answers their digest. */
  upload(bytes: Uint8Array | string, token?: string): Promise<string>;
  /** One run of the cron Worker, as its trigger makes it. */
  tick(): Promise<void>;
  /** Starts it again on the same folder with its clock turned. */
  turnClock(milliseconds: number): Promise<void>;
  /** Another team's token. */
  newTeam(slug: string): Promise<string>;
  stop(): Promise<void>;
}

interface CallOptions {
  token?: string;
  headers?: Record<string, string>;
}

export const sha256 = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

/** @param home A folder of the test's own, which it removes itself. */
export async function startPlatform(
  home = mkdtempSync(join(tmpdir(), "cloudify-test-")),
): Promise<TestPlatform> {
  const sources = await Promise.all(WORKERS.map(bundled));
  const miniflare = new Miniflare(options(home, sources, 0));
  // Handles end with each change of the options.
  const handles = async () => ({
    db: (await miniflare.getD1Database("DB", "cloudify-api")) as unknown as D1Database,
    store: (await miniflare.getR2Bucket("BLOBS", "cloudify-api")) as unknown as R2Bucket,
    snapshots: (await miniflare.getKVNamespace("SNAPSHOTS", "cloudify-api")) as unknown as KVNamespace,
    regions: (await miniflare.getDurableObjectNamespace(
      "REGIONS",
      "cloudify-api",
    )) as unknown as DurableObjectNamespace,
    url: await miniflare.unsafeGetDirectURL("cloudify-api"),
  });
  let held = await handles();
  await migrate(held.db);
  const owner = await seed(held.db, "acme");

  const call: TestPlatform["call"] = async (method, path, body, more = {}) => {
    const isBytes = typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(new URL(path, held.url), {
      method,
      headers: {
        authorization: `Bearer ${more.token ?? owner}`,
        ...(body === undefined || isBytes ? {} : { "content-type": "application/json" }),
        ...more.headers,
      },
      ...(body === undefined ? {} : { body: isBytes ? (body as BodyInit) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") && !text.includes("}\n{");
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  };
  return {
    get db() {
      return held.db;
    },
    get store() {
      return held.store;
    },
    get snapshots() {
      return held.snapshots;
    },
    region: (id) => held.regions.get(held.regions.idFromName(id)) as unknown as RegionRpc,
    get url() {
      return held.url.href;
    },
    token: owner,
    fetch: (path, init = {}) =>
      fetch(new URL(path, held.url), {
        ...init,
        headers: { authorization: `Bearer ${owner}`, ...init.headers },
      }),
    call,
    async upload(bytes, token) {
      const digest = sha256(bytes);
      const { status, body } = await call("PUT", `/api/blobs/${digest}`, bytes, token ? { token } : {});
      if (status !== 201) throw new Error(`upload: ${status} ${JSON.stringify(body)}`);
      return digest;
    },
    async tick() {
      const worker = await miniflare.getWorker("cloudify-cron");
      await worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    },
    async turnClock(milliseconds) {
      await miniflare.setOptions(options(home, sources, milliseconds));
      held = await handles();
    },
    newTeam: (slug) => seed(held.db, slug),
    async stop() {
      await miniflare.dispose();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

interface Output {
  files: { path: string; sha256: string; size: number }[];
  contents: string[];
}

/** A Build Output tree of texts; `config.json` is the plainest unless given. */
export function outputOf(tree: Record<string, string>): Output {
  const all = Object.entries({ "config.json": '{"version":3}', ...tree });
  return {
    files: all.map(([path, text]) => ({ path, sha256: sha256(text), size: Buffer.byteLength(text) })),
    contents: [...new Set(all.map(([, text]) => text))],
  };
}

/** Waits for the end of its log. */
export async function finished(platform: TestPlatform, id: string): Promise<Answer["body"]> {
  await platform.call("GET", `/api/deployments/${id}/events?follow=1&until=ended`);
  return (await platform.call("GET", `/api/deployments/${id}`)).body;
}

export async function isReady(platform: TestPlatform, id: string): Promise<Answer["body"]> {
  const done = await finished(platform, id);
  if (done.state !== "ready") throw new Error(`${done.state}: ${JSON.stringify(done.error)}`);
  return done;
}

/** Uploads, creates and waits for the end. */
export async function deployAny(
  platform: TestPlatform,
  project: string,
  tree: Record<string, string>,
  target = "preview",
): Promise<Answer["body"]> {
  const { files, contents } = outputOf(tree);
  for (const text of contents) await platform.upload(text);
  const made = await platform.call("POST", `/api/projects/${project}/deployments`, { target, files });
  if (made.status !== 201) throw new Error(`create: ${made.status} ${JSON.stringify(made.body)}`);
  return finished(platform, made.body.id);
}

export async function deploy(
  platform: TestPlatform,
  project: string,
  tree: Record<string, string>,
  target = "preview",
): Promise<Answer["body"]> {
  const done = await deployAny(platform, project, tree, target);
  if (done.state !== "ready") throw new Error(`${done.state}: ${JSON.stringify(done.error)}`);
  return done;
}

function options(home: string, sources: readonly string[], clockOffset: number) {
  const workers = WORKERS.map((worker, i) => {
    const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"), worker);
    const bindings = {
      ...(workerOptions.bindings as Record<string, string> | undefined),
      KEY_ENCRYPTION_KEYS: ring,
      EDGE_KEYS: ring,
      CLOCK_OFFSET_MS: String(clockOffset),
    };
    return {
      ...workerOptions,
      name: `cloudify-${worker}`,
      modules: [{ type: "ESModule", path: "index.mjs", contents: sources[i] }],
      modulesRoot: "/",
      bindings,
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      // Nothing bundles functions here; tests/functions has the whole platform.
      ...(worker === "api" ? { serviceBindings: { BUNDLER: NOWHERE } } : {}),
    };
  });
  const all = {
    host: "127.0.0.1",
    port: 0,
    log: new Log(LogLevel.ERROR),
    handleRuntimeStdio: showErrors,
    resourcePersistencePath: join(home, "state"),
    telemetry: { enabled: false },
    workers,
  };
  return convertV4MiniflareOptions(all as unknown as Parameters<typeof convertV4MiniflareOptions>[0]);
}

const NOWHERE = { external: { address: "127.0.0.1:9", http: {} } };

/** What the Workers say of their own failures; `TEST_LOG=1` shows it. */
function showErrors(stdout: NodeJS.ReadableStream, stderr: NodeJS.ReadableStream): void {
  const show = (chunk: Buffer) => void (process.env.TEST_LOG === "1" && process.stderr.write(chunk));
  stdout.on("data", show);
  stderr.on("data", show);
}

async function bundled(worker: (typeof WORKERS)[number]): Promise<string> {
  const { main } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"), worker);
  const { outputFiles } = await build({
    entryPoints: [main ?? ""],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

async function migrate(db: D1Database): Promise<void> {
  const journal = JSON.parse(readFileSync(join(ROOT, "migrations/meta/_journal.json"), "utf8"));
  for (const { tag } of journal.entries as { tag: string }[]) {
    const sql = readFileSync(join(ROOT, `migrations/${tag}.sql`), "utf8");
    await db.batch(sql.split("--> statement-breakpoint").map((statement) => db.prepare(statement)));
  }
}

async function seed(db: D1Database, slug: string): Promise<string> {
  const token = `cfy_${randomBytes(20).toString("hex")}`;
  const id = (prefix: string) => `${prefix}_${randomBytes(13).toString("hex")}`;
  const team = id("team");
  await db.batch([
    db.prepare("insert into teams (id, slug, name, created_at) values (?, ?, ?, 0)").bind(team, slug, slug),
    db
      .prepare(
        "insert into tokens (id, team_id, name, hash, role, created_at) values (?, ?, 'x', ?, 'owner', 0)",
      )
      .bind(id("tok"), team, sha256(token)),
  ]);
  return token;
}
