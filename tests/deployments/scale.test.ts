import { afterAll, beforeAll, expect, test } from "vitest";
import { isReady, sha256, startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await platform.call("POST", "/api/projects", { name: "web" });
});
afterAll(() => platform.stop());

const CONFIG = '{"version":3}';
const config = { path: "config.json", sha256: sha256(CONFIG), size: CONFIG.length };

test("25,000 files: told apart, created and ready, each in a time that grows with their number only", async () => {
  await platform.upload(CONFIG);
  const files = Array.from({ length: 24_999 }, (_, i) => ({
    path: `static/${i % 100}/${i}.bin`,
    sha256: sha256(String(i)),
    size: 10,
  }));
  const body = { files: [...files, config] };
  const asked = performance.now();
  const missing = await platform.call("POST", "/api/projects/web/deployments", body);
  expect(missing.body.missing).toHaveLength(24_999);
  expect(performance.now() - asked).toBeLessThan(10_000);

  // As if they were uploaded; nothing reads the bytes of a file that is not compressed.
  const team = await platform.db.prepare("select id from teams").first("id");
  for (let at = 0; at < files.length; at += 10_000) {
    const list = JSON.stringify(files.slice(at, at + 10_000).map((file) => file.sha256));
    await platform.db
      .prepare("insert into blobs select ?1, value, 10, ?2, null, null from json_each(?3)")
      .bind(team, Date.now(), list)
      .run();
  }
  const created = performance.now();
  const made = await platform.call("POST", "/api/projects/web/deployments", body);
  expect(made.status).toBe(201);
  await isReady(platform, made.body.id);
  expect(performance.now() - created).toBeLessThan(30_000);
}, 90_000);

test("100,000 entries are refused by their number", async () => {
  const files = Array.from({ length: 100_000 }, (_, i) => ({ ...config, path: `static/${i}` }));
  const answer = await platform.call("POST", "/api/projects/web/deployments", { files });
  expect([413, 422]).toContain(answer.status);
  expect(["too_large", "too_many_files"]).toContain(answer.body.code);
  expect(answer.body.fix).toBeTruthy();
});

test("deep paths cost no more than shallow ones", async () => {
  const deep = Array.from({ length: 10_000 }, (_, i) => ({
    ...config,
    path: `static/${i}/${"a/".repeat(490)}b`,
  }));
  const asked = performance.now();
  const answer = await platform.call("POST", "/api/projects/web/deployments", { files: [...deep, config] });
  expect(answer.status).toBe(201);
  expect(performance.now() - asked).toBeLessThan(15_000);
}, 60_000);
