import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, startPlatform, type TestPlatform } from "#tests/deployments/platform.ts";
import { addRegion, playAgent, REGION } from "./agent.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

const rowOf = async (name: string): Promise<Answer["body"]> =>
  (await platform.call("GET", `/api/regions/${name}`)).body;
const entries = async (action: string): Promise<Record<string, unknown>[]> =>
  (await platform.db.prepare("select * from audit_entries where action = ?").bind(action).all()).results;

test("a token is exchanged once: whoever comes second is refused, told what to do, and seen in the trail", async () => {
  const { id, token } = await addRegion(platform, { name: "once" });
  expect(token).toMatch(/^cfyr_[A-Za-z0-9_]+$/);
  expect((await rowOf("once")).status).toBe("never");
  const agent = await playAgent(platform, token);
  expect(agent.credential).toMatch(/^cfya_[A-Za-z0-9_]+$/);
  expect(agent.id).toBe(id);
  const again = await platform.call("POST", "/agent/v1/exchange", { holder: "thief" }, { token });
  expect(again).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  expect(again.body.fix).toContain("cloudify regions token");
  await expect.poll(() => entries("region.exchange-refused")).toMatchObject([{ target: id, actor_id: id }]);
  // Nothing of it is stored.
  const stored = await platform.db.prepare("select group_concat(detail) as all_ from audit_entries").first();
  expect(JSON.stringify(stored)).not.toContain(token.slice(-20));
});

test("a region comes up with its agent's first lease, as it says it is", async () => {
  const { token } = await addRegion(platform, { name: "up" });
  const agent = await playAgent(platform, token);
  const answer = await agent.acquire();
  expect(answer).toMatchObject({ epoch: 1, protocol: 1, isDraining: false, feed: { cursor: 0 } });
  expect(answer.ingressKey).toMatch(/^[0-9a-f]{64}$/);
  expect(await rowOf("up")).toMatchObject({
    ...REGION,
    name: "up",
    status: "up",
    lease: { holder: "host-1", epoch: 1 },
    agent: { bootId: "boot-1", version: "0.1.0", pid: 1, driver: "process" },
    capacity: { builds: 2 },
    lagCursors: 0,
    deployments: [],
    ingress: "http://127.0.0.1:9999",
  });
});
