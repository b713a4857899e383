import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { keepMetrics } from "./metrics.ts";

test("a port that is taken is waited for, and nobody waits for it to begin", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const said: string[] = [];
  const metrics = await keepMetrics(
    "127.0.0.1",
    port,
    async () => [],
    (level) => said.push(level),
    20,
  );
  try {
    expect(metrics.port).toBeNull();
    expect(said).toEqual(["warn"]);
    holder.close();
    await expect.poll(() => metrics.port, { timeout: 5_000 }).toBe(port);
    // It is said once that it is missing, and once that it is there.
    expect(said).toEqual(["warn", "info"]);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  } finally {
    metrics.close();
  }
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
});

test("closed, it does not take its port any more", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const metrics = await keepMetrics(
    "127.0.0.1",
    port,
    async () => [],
    () => undefined,
    1,
  );
  metrics.close();
  holder.close();
  await once(holder, "close");
  await new Promise((resolve) => setImmediate(resolve));
  expect(metrics.port).toBeNull();
});
