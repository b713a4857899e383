/**
 * A real platform, as `npm start` starts it, whose store is written from outside: what the control plane would have put
 * there, by the handle of its own Miniflare. So the edge is tested without what stands behind it.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KVNamespace, R2Bucket } from "@cloudflare/workers-types";
import { LocalPlatform, readConfig } from "@cloudify/platform";
import { type RegionSnapshot, regionKey } from "@cloudify/protocol";
import * as miniflare from "miniflare";
import { parseKeyRing, seal } from "#core/seal.ts";
import { systemRandom } from "#core/time.ts";
import { deploymentKey, type Running, type ServedDeployment } from "#features/deployments/served.ts";
import { environmentKey } from "#features/env-vars/frozen.ts";
import type { NodeEntry } from "#features/functions/function.ts";
import { hostKey } from "#features/hosts/host.ts";
import { type Policy, policyKey } from "#features/projects/policy.ts";
import { compileRoutes } from "#features/routing/compile.ts";
import { type SiteHead, siteKey } from "#features/sites/site.ts";
import { sourceParts } from "#scripts/platform/parts.ts";
import { loadKeys } from "../../packages/platform/home.ts";

/** Vite unwraps its default export once more than Node does. */
const { default: WORKERD } = createRequire(import.meta.url)("workerd") as { default: string };

export const TEAM = "team_test";
export const PROJECT = "prj_test";

export interface TestSite {
  /** Its host is `<name>.localhost`, its deployment `dpl_<name>`. */
  name: string;
  functions: Record<string, Omit<NodeEntry, "workload">>;
  routes?: unknown[];
  /** Ids of its regions, in failover order. */
  regions?: string[];
  /** Group → its failover regions. */
  failover?: Record<string, string[]>;
}

/** What D1 has of a deployment that KV does not show yet. */
export interface Late {
  status: string;
  /** `null`: of a time before D1 knew. */
  running: Running | null;
}

export class TestEdge {
  readonly home = mkdtempSync(join(tmpdir(), "cloudify-edge-"));
  port = 0;
  #platform: LocalPlatform | null = null;
  #miniflare: miniflare.Miniflare | null = null;

  async start(env: Record<string, string> = {}): Promise<void> {
    const capture = (one: miniflare.Miniflare) => {
      this.#miniflare = one;
    };
    class Captured extends miniflare.Miniflare {
      constructor(...options: ConstructorParameters<typeof miniflare.Miniflare>) {
        super(...options);
        capture(this);
      }
    }
    const given = { CLOUDIFY_HOME: this.home, PORT: "0", CLOUDIFY_TEST_CF: "1", ...env };
    this.#platform = new LocalPlatform({
      config: readConfig(given),
      parts: {
        ...sourceParts,
        runtime: { workerd: WORKERD, miniflare: { ...miniflare, Miniflare: Captured } },
      },
      allow: ["public"],
      onOutput: (chunk) => process.stderr.write(chunk),
      onEvent: (event) => console.error(JSON.stringify(event)),
    });
    const { port } = await this.#platform.start(() => undefined);
    this.port = port;
  }

  async stop(): Promise<void> {
    await this.#platform?.stop();
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  async putRegion(id: string, region: Partial<RegionSnapshot> & { key: string }): Promise<void> {
    const { key, ...snapshot } = region;
    const name = regionKey(id);
    const full = {
      v: 1,
      id,
      name: id,
      latitude: 0,
      longitude: 0,
      weight: 1,
      ingress: null,
      isDraining: false,
      ...snapshot,
      version: Date.now(),
      ingressKey: snapshot.ingressKey ?? (await this.#seal(key, name)),
    } satisfies RegionSnapshot;
    const kv = await this.#kv();
    await kv.put(name, JSON.stringify(full));
  }

  async putPolicy(policy: Partial<Policy>): Promise<void> {
    const full: Policy = { v: 1, version: Date.now(), protection: "public", ...policy };
    await (await this.#kv()).put(policyKey(PROJECT), JSON.stringify(full));
  }

  /** @returns Its address. */
  async putSite({ name, functions, routes = [], regions, failover }: TestSite, late?: Late): Promise<string> {
    const table = compileRoutes({ routes });
    if (!table.ok) throw new Error(JSON.stringify(table.issues));
    const workload = "0".repeat(64);
    const entries = Object.entries(functions).map(([path, entry]) => [path, { workload, ...entry }]);
    const head: SiteHead = {
      v: 2,
      team: TEAM,
      routes: table.table,
      files: {},
      fileCount: 0,
      functions: Object.fromEntries(entries),
      directoryRedirect: false,
    };
    const [site, environment] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];
    const store = (await this.#own().getR2Bucket("BLOBS", "cloudify-edge-router")) as unknown as R2Bucket;
    await store.put(siteKey(site), JSON.stringify(head));
    const key = environmentKey(TEAM, environment);
    await store.put(key, await this.#seal(JSON.stringify({ v: 1, values: {} }), key));
    const id = `dpl_${name}`;
    const hostname = `${name}.localhost`;
    const served: ServedDeployment = {
      v: 1,
      id,
      site,
      team: TEAM,
      project: PROJECT,
      createdAt: 0,
      env: environment,
      hostname,
      target: "production",
      branch: null,
      ...(regions ? { regions } : {}),
      ...(failover ? { failover } : {}),
    };
    const kv = await this.#kv();
    if (late) await this.#insert(served, late);
    else await kv.put(deploymentKey(id), JSON.stringify(served));
    const kind = late ? "pointer" : "deployment";
    const host = { v: 1, kind, ref: late ? name : id, project: PROJECT, team: TEAM };
    await kv.put(hostKey(hostname), JSON.stringify(host));
    return `http://${hostname}:${this.port}`;
  }

  /** With a pointer that is at it. */
  async #insert(served: ServedDeployment, { status, running }: Late): Promise<void> {
    const { id, team, project, target, hostname, env, site, createdAt } = served;
    const db = await this.#own().getD1Database("DB", "cloudify-edge-router");
    await db
      .prepare(
        `insert into deployments (id, team_id, project_id, target, hostname, env_digest, site, created_at, status, running,
           manifest, file_count, bytes, pointer_targets, created_by, state_seq, updated_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '', 1, 1, '[]', 'x', 1, 9e12)`,
      )
      .bind(
        id,
        team,
        project,
        target,
        hostname,
        env,
        site,
        createdAt,
        status,
        running && JSON.stringify(running),
      )
      .run();
    const objects = await this.#own().getDurableObjectNamespace("POINTERS", "cloudify-edge-router");
    const name = hostname.slice(0, hostname.indexOf("."));
    const pointer = objects.get(objects.idFromName(`${project}/${name}`)) as unknown as {
      send(of: object, event: object, by: null): Promise<unknown>;
    };
    const release = { deployment: id, site, createdAt };
    await pointer.send({ team, project, target: name }, { type: "assign", release }, null);
  }

  /** Texts of a deployment's log. */
  async log(site: string): Promise<string[]> {
    const objects = await this.#own().getDurableObjectNamespace("LOGS", "cloudify-edge-router");
    const stub = objects.get(objects.idFromName(`dpl_${site}`)) as unknown as {
      read(deployment: string, after: number, limit: number): Promise<{ rows: { text: string }[] }>;
    };
    return (await stub.read(`dpl_${site}`, 0, 1_000)).rows.map(({ text }) => text);
  }

  async #kv(): Promise<KVNamespace> {
    return (await this.#own().getKVNamespace("SNAPSHOTS", "cloudify-edge-router")) as unknown as KVNamespace;
  }

  #seal(text: string, belongsTo: string): Promise<string> {
    return seal(parseKeyRing(loadKeys(this.home).edgeKeys), text, belongsTo, systemRandom);
  }

  #own(): miniflare.Miniflare {
    if (!this.#miniflare) throw new Error("it was not started");
    return this.#miniflare;
  }
}
