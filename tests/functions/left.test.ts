/** A visitor who leaves in the middle of a call takes nothing along that others need. */
import { once } from "node:events";
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunctions } from "#tests/support/functions.ts";
import { get } from "#tests/support/http.ts";
import { TestPlatform } from "#tests/support/platform.ts";

const platform = new TestPlatform();
beforeAll(() => platform.start());
afterAll(() => platform.remove());

const CODE = `export default async (request) => {
  const { searchParams } = new URL(request.url);
  if (searchParams.has("spin")) for (;;);
  if (!searchParams.has("slow")) return new Response("done");
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  writer.write(new TextEncoder().encode("begun"));
  if (searchParams.has("silent")) await new Promise((resolve) => setTimeout(resolve, 6_000));
  return new Response(readable);
}`;
const at = (path: string) => `http://left.localhost:${platform.port}${path}`;

/** Breaks the connection once the answer has begun, or after so long. */
async function leave(path: string, patienceMs: number): Promise<void> {
  const url = new URL(at(path));
  const headers = { host: url.host };
  const asked = request({ host: "127.0.0.1", port: url.port, path: url.pathname + url.search, headers });
  asked.on("error", () => undefined);
  asked.end();
  const begun = once(asked, "response").then(([found]) => once(found as NodeJS.EventEmitter, "data"));
  await Promise.race([begun, new Promise((resolve) => setTimeout(resolve, patienceMs))]).catch(
    () => undefined,
  );
  asked.destroy();
}

test("in quarantine nobody is kept out by an answer that streams, nor for ever by a visitor who left", async () => {
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "left" } });
  await deployFunctions(platform.client, id, { first: CODE, second: CODE });
  for (const name of ["first", "second"]) {
    // A body may not be sent twice: it is not tried again, and stays in quarantine.
    const spun = await get(at(`/${name}?spin`), { method: "POST", body: "x" });
    expect(spun.status).toBe(504);
  }
  for (const path of ["/first?slow", "/first?slow&silent"]) {
    await leave(path, 1_000);
    const found = await get(at("/second"));
    expect([path, found.status, await found.text()]).toEqual([path, 200, "done"]);
  }
}, 120_000);

test("a function that takes longer than it may is not waited for, and its log says so", async () => {
  const { id } = await platform.client.request("POST /api/projects", { body: { name: "late" } });
  const late = `export default async () => {
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return new Response("late");
  }`;
  const { id: deployment } = await deployFunctions(platform.client, id, { late });
  const from = Date.now();
  const found = await get(`http://late.localhost:${platform.port}/late`);
  expect(found.status).toBe(504);
  expect(found.headers.get("x-cloudify-error")).toBe("function_timeout");
  // Of what it has read: the limit is 25 s.
  expect(Date.now() - from).toBeGreaterThan(24_000);
  const logs = async () => (await platform.cli("logs", deployment, "--project", "late")).stdout;
  await expect.poll(logs).toMatch(/GET \/late 504 in 2\d{4} ms.*function_timeout/);
}, 120_000);
