/** Regions as deployments find them, with an agent that a test plays. */
import { env } from "cloudflare:workers";
import type { BuildTask, Capability, WorkloadStatus } from "@cloudify/protocol";
import { expect } from "vitest";
import type { RegionControl } from "#features/regions/control.ts";

const CREDENTIAL = "one";

let made = 0;

/** Nobody acts for it. */
export async function newRegion(
  team = "team_regions",
): Promise<{ id: string; stub: DurableObjectStub<RegionControl> }> {
  made += 1;
  const id = `rgn_${made}`;
  const about = { settingsVersion: 1, id, team, name: id, latitude: 1, longitude: 2, weight: 100 };
  await env.DB.prepare(
    `insert into regions (id, team_id, name, latitude, longitude, weight, is_shared, created_at)
     values (?1, ?2, ?1, 1, 2, 100, false, 0)`,
  )
    .bind(id, team)
    .run();
  const stub = env.REGIONS.get(env.REGIONS.idFromName(id));
  await stub.configure(about, "sealed", "token");
  return { id, stub };
}

/** With an agent that holds epoch 1. */
export async function liveRegion(team: string, capabilities: Capability[] = ["serve", "build"]) {
  const region = await newRegion(team);
  const { stub } = region;
  await stub.exchange({ token: "token", holder: "host", credential: CREDENTIAL }, "req_1");
  const load = { cpu: 0, memoryBytes: 0, workloads: 0, builds: 0 };
  const about = {
    holder: "host",
    bootId: "boot",
    version: "0.1.0",
    pid: 1,
    now: 0,
    driver: "process" as const,
  };
  const capacity = { cpu: 1, memoryBytes: 1, builds: 1 };
  const applied = { cursor: 0, digest: "" };
  const said = {
    ...about,
    protocols: [1],
    capabilities,
    capacity,
    load,
    ingress: null,
    isDraining: false,
    applied,
  };
  const leased = await stub.renewLease(CREDENTIAL, { ...said, epoch: null }, "two", "req_1");
  expect(leased).toMatchObject({ ok: true });
  return {
    ...region,
    async claim(): Promise<BuildTask[]> {
      const claimed = await stub.claim(CREDENTIAL, { epoch: 1, max: 1, waitMs: 0 });
      return claimed.ok ? claimed.tasks : [];
    },
    complete: ({ id, attempt }: BuildTask, manifest: string) =>
      stub.complete(CREDENTIAL, id, {
        epoch: 1,
        attempt,
        result: { ok: true, manifest, bytes: 7, fileCount: 3 },
      }),
    isOver: async ({ id, attempt }: BuildTask) => {
      const beat = await stub.heartbeat(CREDENTIAL, id, { epoch: 1, attempt });
      return beat.ok && beat.isOver;
    },
    /** Says the same of everything that it is to run. */
    async report(more: Partial<WorkloadStatus>): Promise<void> {
      const view = await stub.inspect();
      const items = (view?.items ?? []).map(({ id, generation }) => ({
        id,
        generation,
        ready: "true" as const,
        reason: "Ready",
        detail: "",
        restarts: 0,
        coldStartMs: 1,
        since: 1,
        ...more,
      }));
      await stub.report(CREDENTIAL, { epoch: 1, isFull: true, items });
    },
    runs: async () => ((await stub.inspect())?.items ?? []).map((item) => item.id),
  };
}
