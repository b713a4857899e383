import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { expect, test } from "vitest";
import type { Base } from "#core/ctx.ts";
import { wakePointers } from "#features/pointers/jobs.ts";
import { pointerName } from "#features/pointers/rpc.ts";
import { wakeRegions } from "#features/regions/jobs.ts";
import { alarmOf, owedBy } from "./hands.ts";
import { liveRegion } from "./regions.ts";

const base = {
  db: drizzle(env.DB),
  objects: { pointers: env.POINTERS, regions: env.REGIONS },
} as unknown as Base;

/** As the platform does after an alarm has failed some times. */
const loseAlarm = (stub: DurableObjectStub<Rpc.DurableObjectBranded>) =>
  runInDurableObject(stub, (_, state) => state.storage.deleteAlarm());

test("a rollout whose alarm was lost has one again by the next minute; what rolls nothing out needs none", async () => {
  const pointers = await Promise.all(
    ["prj_wake1", "prj_wake2"].map(async (project) => {
      const of = { team: "team_wake", project, target: "production" };
      const stub = env.POINTERS.get(env.POINTERS.idFromName(pointerName(project, "production")));
      const release = (n: number) => ({ deployment: `dpl_${project}${n}`, site: "s", createdAt: n });
      await stub.send(of, { type: "assign", release: release(1) }, null);
      if (project === "prj_wake1") {
        const stages = [{ percent: 10, minutes: 1 }, { percent: 100 }];
        const plan = { stages, guard: null };
        await stub.send(of, { type: "assign", release: release(2), plan }, null);
      }
      await expect.poll(() => owedBy(stub)).toBe(0);
      await loseAlarm(stub);
      return stub;
    }),
  );
  expect(await wakePointers(base)).toEqual({ failed: 0 });
  const alarms = await Promise.all(pointers.map(alarmOf));
  expect(alarms).toEqual([expect.any(Number), null]);
});

test("a region whose alarm was lost has one again by the next minute; one that nobody has told of itself is left", async () => {
  const region = await liveRegion("team_wake");
  await expect.poll(() => owedBy(region.stub)).toBe(0);
  await region.stub.offer(
    { kind: "build", id: "build.dpl_wake", attempt: 1, deployment: "dpl_wake" } as Parameters<
      typeof region.stub.offer
    >[0],
    false,
  );
  await loseAlarm(region.stub);
  await env.DB.prepare(
    `insert into regions (id, team_id, name, latitude, longitude, weight, is_shared, created_at)
     values ('rgn_untold', 'team_wake', 'untold', 1, 2, 100, false, 0)`,
  ).run();
  expect(await wakeRegions(base)).toEqual({ failed: 0 });
  expect(await alarmOf(region.stub)).toEqual(expect.any(Number));
});
