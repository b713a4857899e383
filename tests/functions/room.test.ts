/** Isolates that are loaded stay; a process that they have filled is replaced while nobody notices. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

const COUNT = 14;

test("many functions that each hold memory fill no process, and nobody is blamed", async () => {
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "many" } });
  const code = `const held = new Uint8Array(8e7).fill(1); export default () => new Response(String(held.length))`;
  const names = Array.from({ length: COUNT }, (_, i) => `f${i}`);
  await deployFunctions(platform.client, id, Object.fromEntries(names.map((name) => [name, code])));
  const roomMade = () => platform.output.includes("makes room");
  for (const name of names) {
    const found = await get(`http://many.localhost:${platform.port}/${name}`);
    expect([name, found.status, await found.text()]).toEqual([name, 200, "80000000"]);
    // The watchdog looks at the memory four times a second.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  await expect.poll(roomMade).toBe(true);
  expect(platform.output).not.toContain('"why":"holds');
  expect(platform.output).not.toContain("has been silent");
});
