/** The bundler's own process: no source takes it from those who come after. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBundler } from "@cloudify/platform";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Bundled } from "#features/functions/bundle.ts";
import { sourceParts } from "#scripts/platform/parts.ts";
import { freePort } from "#tests/support/platform.ts";
import { WORKERD } from "#tests/support/workerd.ts";

const folder = mkdtempSync(join(tmpdir(), "cloudify-bundler-"));
const pids: number[] = [];
let bundler: Awaited<ReturnType<typeof startBundler>>;
let address: string;

beforeAll(async () => {
  const port = await freePort();
  address = `http://127.0.0.1:${port}/`;
  const { bundler: parts } = sourceParts;
  if (!parts) throw new Error("the platform's parts have no bundler");
  const watch = { onEvent: () => undefined, onPid: (pid: number) => pids.push(pid) };
  bundler = await startBundler(port, folder, watch, parts, WORKERD);
  await vi.waitFor(() => fetch(address), 10_000);
});
afterAll(async () => {
  await bundler.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function bundle(source: string, signal: AbortSignal | null = null): Promise<Bundled> {
  const body = JSON.stringify({ files: { "index.js": source }, entry: "index.js", imports: {} });
  return (await (await fetch(address, { method: "POST", body, signal })).json()) as Bundled;
}

const GOOD = `export default () => new Response("ok");`;

test.each([
  ["brackets", "[".repeat(12_000) + "]".repeat(12_000)],
  ["parentheses", "(".repeat(120_000) + ")".repeat(120_000)],
  ["conditions", `${"if (a) ".repeat(200_000)};`],
])(
  "%s that are nested too deeply are refused, and the next source is bundled in the same process",
  async (_, deep) => {
    expect(await bundle(GOOD)).toMatchObject({ ok: true });
    expect(await bundle(deep)).toMatchObject({
      ok: false,
      errors: [{ text: expect.stringContaining("nested too deeply") }],
    });
    expect(await bundle(GOOD)).toMatchObject({ ok: true, code: expect.stringContaining("Response") });
    expect(pids).toHaveLength(1);
  },
);

test("nothing is bundled for who went while they waited", async () => {
  const line = (n: number) =>
    `export const a${n} = (b) => [b + ${n}, { c: b * ${n} }].map((d) => d ?? ${n});`;
  const heavy = Array.from({ length: 12_000 }, (_, n) => line(n)).join("\n");
  const began = performance.now();
  await bundle(heavy);
  const once = performance.now() - began;
  const gone = new AbortController();
  const asked = [bundle(heavy), ...Array.from({ length: 6 }, () => bundle(heavy, gone.signal))];
  const waiting = Promise.allSettled(asked);
  // The first has begun, so that the others wait.
  await expect.poll(() => fetch(address, { signal: AbortSignal.timeout(50) }).then(...outcomes)).toBe("busy");
  gone.abort();
  const next = performance.now();
  expect(await bundle(GOOD)).toMatchObject({ ok: true });
  expect(performance.now() - next).toBeLessThan(once * 4);
  expect(await waiting).toMatchObject([
    { status: "fulfilled" },
    ...Array.from({ length: 6 }, () => ({ status: "rejected" })),
  ]);
});

const outcomes = [() => "free", () => "busy"] as const;
