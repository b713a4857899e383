/** With nothing but the edge, KV and R2, from cold: no API, no objects, no cron. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { TestEdge } from "#tests/support/edge.ts";
import { under } from "#tests/support/load.ts";
import { World } from "./world.ts";

vi.setConfig({ testTimeout: 180_000 });

const edge = new TestEdge();
beforeAll(() => edge.start({ CLOUDIFY_WITHOUT: "api,objects,cron" }));
afterAll(() => edge.remove());

test("under 200 requests a second one region is killed: no idempotent request fails, and it is used again when it is back", async () => {
  await using world = await started();
  const { failures } = await under(
    () => world.ask("/api/echo?ms=5"),
    async (load) => {
      await load.more("fra", 200);
      await world.fra.kill();
      await load.more("iad", 600);
      await world.fra.start();
      await load.more("fra", 200);
    },
  );
  expect(failures).toEqual([]);
});

test("under 200 requests a second one region stops to answer: traffic is away within 20 s, and no idempotent request fails", async () => {
  await using world = await started();
  const { failures, slowestMs } = await under(
    () => world.ask("/api/echo?ms=5"),
    async (load) => {
      await load.more("fra", 200);
      world.fra.signal("SIGSTOP");
      await load.more("iad", 400);
      world.fra.signal("SIGCONT");
      await load.more("fra", 200);
    },
  );
  expect(failures).toEqual([]);
  expect(slowestMs).toBeLessThan(20_000);
});

test("under 200 requests a second one region is drained: no request of any method fails", async () => {
  let n = 0;
  const order = { method: "POST", body: "an order" };
  await using world = await started();
  const { failures } = await under(
    () => world.ask("/api/echo?ms=5", n++ % 2 === 0 ? {} : order),
    async (load) => {
      await load.more("fra", 200);
      await world.put("fra", { isDraining: true });
      for (let before = -1; before !== load.count("fra"); ) {
        before = load.count("fra");
        await load.more(null, 100);
      }
    },
  );
  expect(failures).toEqual([]);
});

let worlds = 0;

async function started() {
  const world = await new World(edge, `load${++worlds}`).start();
  return Object.assign(world, { [Symbol.asyncDispose]: () => world.stop() });
}
