import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { MINUTE } from "#core/time.ts";
import { KEEP_MS, minuteOf, SLOT_MS, type Tally } from "#features/traffic/machine.ts";

const newTraffic = (project: string) => env.TRAFFIC.get(env.TRAFFIC.idFromName(project));

const tally = (at: number, more: Partial<Tally> = {}): Tally => ({
  slot: at - (at % SLOT_MS),
  deployment: "dpl_1",
  isProduction: true,
  statusClass: 2,
  cache: "memory",
  region: null,
  requests: 1,
  functionMs: 0,
  bytesIn: 10,
  bytesOut: 100,
  ...more,
});

test("a batch counts once however often it comes, and is spread over its minutes", async () => {
  const stub = newTraffic("prj_batches");
  const now = minuteOf(Date.now());
  const batch = [
    tally(now),
    tally(now + 1, {
      statusClass: 4,
      requests: 4,
      functionMs: 20,
      bytesIn: 40,
      bytesOut: 400,
      region: "fra",
    }),
    tally(now - MINUTE),
  ];
  await stub.add("b1", batch);
  await stub.add("b1", batch);
  await evictDurableObject(stub);
  await stub.add("b1", batch);
  await stub.add("b2", [tally(now + 2, { cache: "r2", functionMs: 7, region: "iad" })]);
  expect(await stub.read(0, 10)).toEqual([
    {
      minute: now - MINUTE,
      requests: 1,
      byClass: { "2xx": 1 },
      byCache: { memory: 1 },
      byRegion: {},
      functionMs: 0,
      bytesIn: 10,
      bytesOut: 100,
    },
    {
      minute: now,
      requests: 6,
      byClass: { "2xx": 2, "4xx": 4 },
      byCache: { memory: 5, r2: 1 },
      byRegion: { fra: 4, iad: 1 },
      functionMs: 27,
      bytesIn: 60,
      bytesOut: 600,
    },
  ]);
});

test("batches that race are all counted", async () => {
  const stub = newTraffic("prj_race");
  const now = minuteOf(Date.now());
  await Promise.all(Array.from({ length: 50 }, (_, i) => stub.add(`b${i}`, [tally(now), tally(now)])));
  expect(await stub.read(0, 10)).toMatchObject([{ requests: 100 }]);
});

test("minutes are forgotten after they were kept for long enough", async () => {
  const stub = newTraffic("prj_old");
  const now = Date.now();
  await stub.add("old", [tally(now - KEEP_MS - MINUTE)]);
  await stub.add("kept", [tally(now - KEEP_MS + 2 * MINUTE)]);
  await stub.add("new", [tally(now)]);
  const minutes = await stub.read(0, 10);
  expect(minutes.map(({ minute }) => minute)).toEqual([minuteOf(now - KEEP_MS + 2 * MINUTE), minuteOf(now)]);
});
