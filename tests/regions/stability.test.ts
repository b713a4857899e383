/** With nothing but the edge, KV and R2, from cold: no API, no objects, no cron. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestEdge } from "#tests/support/edge.ts";
import { under } from "#tests/support/load.ts";
import { World } from "./world.ts";

const edge = new TestEdge();
const world = new World(edge, "load");
beforeAll(async () => {
  await edge.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
  await world.start();
});
afterAll(async () => {
  await world.stop();
  await edge.remove();
});

test("under 200 requests a second one region is killed: no idempotent request fails, and it is used again when it is back", async () => {
  const { failures } = await under(
    () => world.ask("/api/echo?ms=5"),
    async (load) => {
      await load.more("fra", 200);
      await world.fra.kill();
      await load.more(null, 600);
      const away = load.count("fra");
      await load.more(null, 200);
      expect(load.count("fra")).toBe(away);
      await world.fra.start();
      await load.more("fra", 200);
    },
  );
  expect(failures).toEqual([]);
});

test("under 200 requests a second one region stops to answer: within 8 s it is given no more, and no idempotent request fails", async () => {
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
  expect(slowestMs).toBeLessThan(8_000);
});

test("under 200 requests a second one region is drained: no request of any method fails", async () => {
  let n = 0;
  const order = { method: "POST", body: "an order" };
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
