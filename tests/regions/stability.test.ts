/** With nothing but the edge, KV and R2, from cold: no API, no objects, no cron. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestEdge } from "#tests/support/edge.ts";
import { until } from "#tests/support/platform.ts";
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

interface Load {
  count(region: string): number;
  /** Waits for so many more answers. @param region `null`: from any. */
  more(region: string | null, answers: number): Promise<unknown>;
}

const PATIENCE_MS = 40_000;
/** Of requests at once, so that a machine that can't keep up is not asked for ever more. */
const MOST = 1_500;

/** Begins a request every 5 ms, whether or not those before have ended, for as long as `act` takes. */
async function under(ask: () => Promise<Response>, act: (load: Load) => Promise<void>) {
  const regions = new Map<string | null, number>();
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  const begun = Date.now();
  let asked = 0;
  let total = 0;
  let slowestMs = 0;
  const one = async () => {
    const at = Date.now();
    try {
      const found = await ask();
      const text = await found.text();
      const region = found.headers.get("x-cloudify-region");
      regions.set(region, (regions.get(region) ?? 0) + 1);
      if (found.status !== 200) failures.push(`${found.status} ${text}`);
    } catch (error) {
      failures.push(String(error));
    }
    slowestMs = Math.max(slowestMs, Date.now() - at);
    total++;
  };
  const timer = setInterval(() => {
    for (; asked < ((Date.now() - begun) / 1_000) * 200 && open.size < MOST; asked++) {
      const asking = one();
      open.add(asking);
      void asking.finally(() => open.delete(asking));
    }
  }, 5);
  const count = (region: string | null) => (region === null ? total : (regions.get(region) ?? 0));
  try {
    await act({
      count,
      more: (region, answers) => {
        const enough = count(region) + answers;
        return until(async () => count(region) >= enough, PATIENCE_MS);
      },
    });
  } finally {
    clearInterval(timer);
    console.log({ total, slowestMs, aSecond: Math.round((total / (Date.now() - begun)) * 1_000) });
    await Promise.all(open);
  }
  return { failures, slowestMs };
}
