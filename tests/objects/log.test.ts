import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { FOLD_AFTER_MS, FOLLOW_MS, type Line } from "#features/logs/policy.ts";
import { logKey } from "#features/logs/rpc.ts";
import { alarmOf, turnClock } from "./hands.ts";

let made = 0;
function newLog() {
  made += 1;
  const id = `dpl_log_${made}`;
  return { id, stub: env.LOGS.get(env.LOGS.idFromName(id)) };
}

const line = (stream: string, n: number): Line => ({
  stream,
  n,
  at: n,
  level: "info",
  text: `${stream} ${n}`,
});

test("rows keep the order in which they came, over streams and evictions", async () => {
  const { id, stub } = newLog();
  await stub.append([line("build", 1), line("state", 1), line("build", 2)]);
  await evictDurableObject(stub);
  await stub.append([line("state", 2)]);
  const { rows, finished } = await stub.read(id, 0, 10);
  expect(rows.map(({ text }) => text)).toEqual(["build 1", "state 1", "build 2", "state 2"]);
  expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  expect(finished).toBe(false);
  expect((await stub.read(id, 2, 1)).rows.map(({ text }) => text)).toEqual(["build 2"]);
});

test("a line that comes twice, of one stream and number, is one row", async () => {
  const { id, stub } = newLog();
  await stub.append([line("build", 1), line("build", 2), line("build", 1)]);
  await evictDurableObject(stub);
  await stub.append([line("build", 2), line("build", 3), line("state", 1)]);
  expect((await stub.read(id, 0, 10)).rows.map(({ text }) => text)).toEqual([
    "build 1",
    "build 2",
    "build 3",
    "state 1",
  ]);
});

test("a batch that comes twice adds its lines once, and its lines stand beside those of others", async () => {
  const { id, stub } = newLog();
  const { n, ...entry } = line("function:api", 1);
  expect(n).toBe(1);
  await stub.appendBatch("a", [entry, entry]);
  await stub.append([line("build", 1)]);
  await evictDurableObject(stub);
  await stub.appendBatch("a", [entry, entry]);
  await stub.appendBatch("b", [entry]);
  const { rows } = await stub.read(id, 0, 10);
  expect(rows.map(({ text }) => text)).toEqual([
    "function:api 1",
    "function:api 1",
    "build 1",
    "function:api 1",
  ]);
});

test("a finished log moves to R2 after a while, and readers see the same rows", async () => {
  const { id, stub } = newLog();
  await stub.append(Array.from({ length: 30 }, (_, i) => line("build", i + 1)));
  const began = Date.now();
  await stub.finish(id, false);
  const before = await stub.read(id, 0, 100);
  expect(before).toMatchObject({ finished: true });
  expect(await alarmOf(stub)).toBeGreaterThanOrEqual(began + FOLD_AFTER_MS);
  await evictDurableObject(stub);
  await runDurableObjectAlarm(stub);

  const left = await runInDurableObject(stub, (_, { storage }) =>
    storage.sql.exec("select 1 from rows").toArray(),
  );
  expect(left).toEqual([]);
  expect(await alarmOf(stub)).toBeNull();
  expect(await env.BLOBS.head(logKey(id))).not.toBeNull();
  expect(await stub.read(id, 0, 100)).toEqual(before);
  expect(await stub.read(id, 10, 5)).toEqual({ rows: before.rows.slice(10, 15), finished: false });
  const followed = await new Response(await stub.follow(id, 28, "ended")).text();
  expect(
    followed
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text)),
  ).toEqual(before.rows.slice(28));
});

test("a late line does not hide what was folded", async () => {
  const { id, stub } = newLog();
  await stub.append([line("build", 1), line("state", 1)]);
  await stub.finish(id, false);
  const before = await stub.read(id, 0, 10);
  await runDurableObjectAlarm(stub);
  await evictDurableObject(stub);
  await stub.append([line("state", 1)]);
  await stub.finish(id, false);
  await runDurableObjectAlarm(stub);
  expect(await stub.read(id, 0, 10)).toEqual(before);
});

test("a log that R2 refuses stays where it is, and the alarm comes again", async () => {
  // R2 takes keys of at most 1,024 bytes.
  const id = "d".repeat(1_100);
  const stub = env.LOGS.get(env.LOGS.idFromName(id));
  await stub.append([line("build", 1)]);
  await stub.finish(id, false);
  const before = await stub.read(id, 0, 10);
  await runDurableObjectAlarm(stub);
  expect(await stub.read(id, 0, 10)).toEqual(before);
  expect(await alarmOf(stub)).toBeGreaterThan(Date.now());
});

test("the log of a live deployment is not folded", async () => {
  const { id, stub } = newLog();
  await stub.append([line("function:api", 1)]);
  await stub.finish(id, true);
  expect(await alarmOf(stub)).toBeNull();
});

test("what comes of a deployment long after is told behind what was folded, and folded with it", async () => {
  const { id, stub } = newLog();
  await stub.append([line("build", 1), { ...line("state", 1), gap: 3 }]);
  await stub.finish(id, false);
  const { rows } = await stub.read(id, 0, 10);
  await runDurableObjectAlarm(stub);
  await evictDurableObject(stub);
  const late = { ...line("state", 7), writer: "rollout" };
  await stub.note(id, late);
  await stub.note(id, late);
  const { gap: _, ...last } = { ...rows.at(-1), seq: 3, at: 7, text: "state 7" };
  const all = { rows: [...rows, last], finished: true };
  expect(await stub.read(id, 0, 10)).toEqual(all);
  await evictDurableObject(stub);
  await runDurableObjectAlarm(stub);
  expect(
    await runInDurableObject(stub, (_, { storage }) => storage.sql.exec("select 1 from rows").toArray()),
  ).toEqual([]);
  expect(await stub.read(id, 0, 10)).toEqual(all);
});

/** What a follower is told until it is let go; rejects when it is cut off. */
const readAll = async (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text();

test("who follows a log is let go when it is removed", async () => {
  const { id, stub } = newLog();
  await stub.append([line("build", 1)]);
  const told = readAll(await stub.follow(id, 0, "silent"));
  await stub.remove(id);
  // What it had not been told by then is gone.
  expect(["", "build 1"]).toContain((JSON.parse((await told) || `{"text":""}`) as { text: string }).text);
});

test("who has followed for long is cut off, which is not the end, and goes on from there", async () => {
  const { id, stub } = newLog();
  await stub.append([line("build", 1)]);
  const reader = (await stub.follow(id, 0, "silent")).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toContain("build 1");
  await turnClock(stub, Date.now() + FOLLOW_MS);
  await stub.append([line("build", 2)]);
  const rest = async () => {
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += new TextDecoder().decode(value);
    }
  };
  await expect(rest()).rejects.toThrow();
  expect((await stub.read(id, 1, 10)).rows.map(({ text }) => text)).toEqual(["build 2"]);
});
