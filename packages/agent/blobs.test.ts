import { createHash } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../../tests/support/virtual-clock.ts";
import { BlobCache } from "./blobs.ts";
import type { Client } from "./client.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "blobs-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const never = new AbortController().signal;
const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Bytes by digest, as the control plane has them. */
function begin(maxBytes: number, texts: string[], lie?: string) {
  let calls = 0;
  const held = new Map(texts.map((text) => [digestOf(text), text]));
  const client: Pick<Client, "blob"> = {
    async blob(_team, sha256) {
      calls += 1;
      const text = held.get(sha256);
      if (text !== undefined) return { ok: true, value: new Response(lie ?? text) };
      const nothing = {
        code: "not_found",
        status: 404,
        detail: "Not here.",
        retryAfterMs: null,
        extensions: {},
      };
      return { ok: false, ...nothing };
    },
  };
  const clock = new VirtualClock();
  clock.offset = Date.now();
  const cache = new BlobCache(home, client, { clock, random: () => 0, log: () => undefined }, maxBytes);
  return { cache, calls: () => calls };
}

test("bytes are fetched once, however many ask at once, and of each team by itself", async () => {
  const { cache, calls } = begin(1e6, ["hello"]);
  const ask = (team: string) => cache.fileOf(team, digestOf("hello"), never);
  const paths = await Promise.all([ask("t1"), ask("t1"), ask("t1")]);
  expect(new Set(paths).size).toBe(1);
  expect(readFileSync(paths[0], "utf8")).toBe("hello");
  expect(await ask("t1")).toBe(paths[0]);
  expect(calls()).toBe(1);
  await ask("t2");
  expect(calls()).toBe(2);
});

test("bytes that do not match their digest are never kept, nor handed out", async () => {
  const { cache } = begin(1e6, ["hello"], "other bytes");
  const asked = cache.fileOf("t1", digestOf("hello"), AbortSignal.timeout(300));
  await expect(asked).rejects.toThrow();
  expect(readdirSync(join(home, "t1"))).toEqual([]);
});

test("what lies here already need not be fetched; what has another digest by now is not taken", async () => {
  const { cache, calls } = begin(1e6, ["hello"]);
  const [here, changed] = [join(home, "here"), join(home, "changed")];
  writeFileSync(here, "built");
  writeFileSync(changed, "changed since");
  await cache.keep("t1", digestOf("built"), here, never);
  rmSync(here);
  expect(readFileSync(await cache.fileOf("t1", digestOf("built"), never), "utf8")).toBe("built");
  await cache.keep("t1", digestOf("hello"), changed, never);
  await cache.keep("t1", digestOf("other"), join(home, "gone"), never);
  expect(calls()).toBe(0);
  expect(readFileSync(await cache.fileOf("t1", digestOf("hello"), never), "utf8")).toBe("hello");
  expect(calls()).toBe(1);
  expect(readdirSync(join(home, "t1")).sort()).toEqual([digestOf("built"), digestOf("hello")].sort());
});

test("what is not there is said at once", async () => {
  const { cache, calls } = begin(1e6, []);
  await expect(cache.fileOf("t1", digestOf("x"), never)).rejects.toThrow("Not here.");
  expect(calls()).toBe(1);
});

test("when there is no room, what was not used for longest goes first, and nothing that may be in use", async () => {
  const texts = ["a", "b", "c"].map((letter) => letter.repeat(400));
  const { cache } = begin(1_000, texts);
  const paths = await Promise.all(texts.map((text) => cache.fileOf("t1", digestOf(text), never)));
  await cache.trim();
  expect(paths.map((path) => existsSync(path))).toEqual([true, true, true]);
  const hourAgo = Date.now() / 1_000 - 3_600;
  for (const [at, path] of paths.entries()) utimesSync(path, hourAgo + at, hourAgo + at);
  await cache.trim();
  expect(paths.map((path) => existsSync(path))).toEqual([false, true, true]);
});
