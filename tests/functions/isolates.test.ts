/** The isolates' own process, beside a platform that does not always answer. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startIsolates } from "@cloudify/platform";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { CALL_HEADER, encodeCall, FAULT_HEADER, HEAD_HEADER, KEY_HEADER } from "#features/functions/call.ts";
import type { FunctionCode } from "#features/functions/function.ts";
import { sourceParts } from "#scripts/platform/parts.ts";
import { freePort } from "#tests/support/platform.ts";
import { WORKERD } from "#tests/support/workerd.ts";

const KEY = "of-this-test";
const CODE: FunctionCode = {
  v: 1,
  main: "index.js",
  modules: { "index.js": { js: `export default () => new Response("well")` } },
  assets: {},
  environment: {},
};

const folder = mkdtempSync(join(tmpdir(), "cloudify-isolates-"));
let isAway = true;
let asked = 0;
let pid = 0;
const platform = createServer((req, res) => {
  if (req.url !== "/code") return res.writeHead(204).end();
  asked++;
  return isAway ? res.writeHead(500).end() : res.end(JSON.stringify({ code: CODE, env: {}, secrets: [] }));
});
let isolates: Awaited<ReturnType<typeof startIsolates>>;
let address: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => platform.listen(0, "127.0.0.1", resolve));
  const port = await freePort();
  address = `http://127.0.0.1:${port}/`;
  const own = { folder, platform: `127.0.0.1:${(platform.address() as AddressInfo).port}`, key: KEY };
  const watch = { onEvent: () => undefined, onPid: (one: number) => (pid = one) };
  const about = { ...own, ...watch, deployDomain: "localhost", allow: ["public"] };
  const parts = { ...sourceParts, runtime: { ...sourceParts.runtime, workerd: WORKERD } };
  isolates = await startIsolates("main", port, about, parts);
  await vi.waitFor(() => fetch(address), 10_000);
});
afterAll(async () => {
  await isolates.stop();
  platform.close();
  rmSync(folder, { recursive: true, force: true });
});

function call(): Promise<Response> {
  const about = { team: "t", project: "p", deployment: "d", name: "f", code: "c", env: null, system: {} };
  const headers = {
    [KEY_HEADER]: KEY,
    [CALL_HEADER]: encodeCall({ id: "p/d/c/-/f", ...about }),
    [HEAD_HEADER]: "{}",
  };
  return fetch(address, { headers });
}

test("code that could not be read is read again at the next call", async () => {
  for (let i = 1; i <= 2; i++) {
    expect((await call()).headers.get(FAULT_HEADER)).toBe("load");
    await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(i));
  }
  isAway = false;
  expect(await (await call()).text()).toBe("well");
  const before = asked;
  expect(await (await call()).text()).toBe("well");
  expect(asked).toBe(before);
});

test("it may open fewer files than what started it: the platform's own process has some left when it has none", () => {
  const filesOf = (process: number | "self") =>
    Number(/Max open files\s+(\d+)/.exec(readFileSync(`/proc/${process}/limits`, "utf8"))?.[1]);
  expect(filesOf(pid)).toBe(Math.floor(filesOf("self") / 3));
});
