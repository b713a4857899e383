import { afterAll, beforeAll, expect, test } from "vitest";
import { TestEdge } from "#tests/support/edge.ts";
import { get } from "#tests/support/http.ts";
import { Ingress } from "#tests/support/ingress.ts";
const edge = new TestEdge();
const fra = new Ingress("fra", "key-of-fra");
let site = "";
beforeAll(async () => {
  await edge.start({ CLOUDIFY_WITHOUT: "api,objects,cron" });
  await fra.start();
  await edge.putRegion("fra", { key: fra.key, latitude: 50.11, longitude: 8.68, ingress: fra.origin });
  site = await edge.putSite({ name: "one", functions: { "api/echo": { group: "g0", maxDuration: 10 } } });
});
afterAll(async () => { await fra.kill(); await edge.remove(); });
test("x", async () => {
  const found = await get(`${site}/api/echo?a=1`);
  console.log(found.status, [...found.headers], await found.text());
  expect(found.status).toBe(200);
});
