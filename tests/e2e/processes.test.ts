/** The platform's process, started by itself: beside another's, and where it can't start. */
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig, StartError } from "@cloudify/platform";
import { afterAll, expect, test } from "vitest";
import { sourceParts } from "#scripts/platform/parts.ts";
import { freePort, until } from "#tests/support/platform.ts";
import { startPlatform } from "../../packages/platform/miniflare.ts";

const home = mkdtempSync(join(tmpdir(), "cloudify-processes-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** With nothing behind it: no functions, no bundler. */
async function start(port: number) {
  const pids: number[] = [];
  const config = readConfig({ PORT: String(port), CLOUDIFY_HOME: join(home, String(port)) });
  const nothing = { bindings: {}, functions: { main: 1, quarantine: 1 }, bundler: 1, allow: [] };
  const told = { onOutput: () => {}, onEnd: () => {}, onProcess: (pid: number) => pids.push(pid) };
  return { pids, platform: await startPlatform(config, { ...nothing, ...told }, sourceParts) };
}

test("of two platforms in one program each ends its own process, also one that was started again", async () => {
  const [one, other] = [await start(await freePort()), await start(await freePort())];
  process.kill(one.pids[0] ?? 0, "SIGKILL");
  await until(async () => one.pids.length === 2);
  await one.platform.stop();
  expect(existsSync(`/proc/${one.pids[1]}`)).toBe(false);
  expect(other.pids.map((pid) => existsSync(`/proc/${pid}`))).toEqual([true]);
  expect(one.pids).not.toContain(other.pids[0]);
  await other.platform.stop();
});

test("a port that is taken in the last moment is one clear line", async () => {
  const taken = createServer().listen(await freePort(), "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const started = start(port);
  await expect(started).rejects.toThrow(StartError);
  await expect(started).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken by another program`);
  taken.close();
});
