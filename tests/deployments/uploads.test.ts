import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256, startPlatform, type TestPlatform } from "./platform.ts";

const PART = 32 * 1024 * 1024;
let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

const keys = async (prefix: string) => (await platform.store.list({ prefix })).objects.map((one) => one.key);
const rows = (digest: string) =>
  platform.db.prepare("select count(*) as n from blobs where sha256 = ?").bind(digest).first("n");

async function leavesNothing(digest: string): Promise<void> {
  expect((await keys("")).filter((key) => key.includes(digest))).toEqual([]);
  expect(await rows(digest)).toBe(0);
}

test("bytes that do not have the digest are refused, and leave nothing", async () => {
  const digest = sha256("what was promised");
  const answer = await platform.call("PUT", `/api/blobs/${digest}`, "something else");
  expect(answer).toMatchObject({ status: 400, body: { code: "digest_mismatch" } });
  expect(answer.body.fix).toBeTruthy();
  await leavesNothing(digest);
});

test("an empty file is a file; sending bytes again is harmless", async () => {
  for (const text of ["", "", "twice", "twice"]) {
    expect((await platform.call("PUT", `/api/blobs/${sha256(text)}`, text)).status).toBe(201);
    expect(await rows(sha256(text))).toBe(1);
  }
});

test.each(["abc", "A".repeat(64), "../".repeat(22)])("%s is no digest", async (digest) => {
  const answer = await platform.call("PUT", `/api/blobs/${encodeURIComponent(digest)}`, "x");
  expect([400, 404]).toContain(answer.status);
});

test("without a length, and with one that is too large, nothing is read", async () => {
  const digest = sha256("chunked");
  const chunked = await send(digest, { "transfer-encoding": "chunked" }, "chunked");
  expect(chunked).toMatchObject({ status: 411, body: { code: "length_required" } });
  const large = await send(digest, { "content-length": String(96 * 1024 * 1024) }, null);
  expect(large).toMatchObject({ status: 413, body: { code: "too_large" } });
  await leavesNothing(digest);
});

test.each([1, 1024 * 1024, 4 * 1024 * 1024 - 1])(
  "a client that stops after %d bytes leaves nothing",
  async (cut) => {
    const bytes = randomBytes(4 * 1024 * 1024);
    const digest = sha256(bytes);
    const { hostname, port } = new URL(platform.url);
    const socket = connect(Number(port), hostname);
    const head = `host: x\r\nauthorization: Bearer ${platform.token}\r\ncontent-length: ${bytes.length}`;
    socket.write(`PUT /api/blobs/${digest} HTTP/1.1\r\n${head}\r\n\r\n`);
    await new Promise<void>((done) => socket.write(bytes.subarray(0, cut), () => done()));
    await new Promise((done) => socket.destroy().once("close", done));
    await leavesNothing(digest);
    expect((await platform.call("PUT", `/api/blobs/${digest}`, bytes)).status).toBe(201);
  },
);

test("parts: resumed after a cut, joined, checked, and asked for twice", async () => {
  const bytes = randomBytes(PART + 1_000);
  const digest = sha256(bytes);
  const start = () => platform.call("POST", `/api/blobs/${digest}/parts`, { size: bytes.length });
  expect((await start()).body).toEqual({ partBytes: PART, parts: 2, done: [] });
  const part = (n: number, piece: Uint8Array) =>
    platform.call("PUT", `/api/blobs/${digest}/parts/${n}`, piece);
  expect(await part(1, bytes.subarray(0, 1_000))).toMatchObject({ body: { code: "size_mismatch" } });
  expect(await part(3, bytes.subarray(0, 1_000))).toMatchObject({ body: { code: "size_mismatch" } });
  expect((await part(2, bytes.subarray(PART))).status).toBe(201);
  const early = await platform.call("POST", `/api/blobs/${digest}/parts/complete`);
  expect(early).toMatchObject({ status: 409, body: { code: "conflict" } });
  expect((await start()).body.done).toEqual([2]);
  expect((await part(1, bytes.subarray(0, PART))).status).toBe(201);
  const both = await Promise.all(
    [1, 2].map(() => platform.call("POST", `/api/blobs/${digest}/parts/complete`)),
  );
  expect(both.some(({ status }) => status === 201)).toBe(true);
  expect(both.every(({ status }) => status < 500)).toBe(true);
  const again = await platform.call("POST", `/api/blobs/${digest}/parts/complete`);
  expect(again).toMatchObject({ status: 201, body: { sha256: digest, size: bytes.length } });
  expect(await keys("uploads/")).toEqual([]);
  expect(await rows(digest)).toBe(1);
});

test("parts that lie about their digest leave nothing", async () => {
  const digest = sha256("not these bytes");
  await platform.call("POST", `/api/blobs/${digest}/parts`, { size: 10 });
  await platform.call("PUT", `/api/blobs/${digest}/parts/1`, "0123456789");
  const answer = await platform.call("POST", `/api/blobs/${digest}/parts/complete`);
  expect(answer).toMatchObject({ status: 400, body: { code: "digest_mismatch" } });
  await leavesNothing(digest);
  expect(await platform.call("POST", `/api/blobs/${digest}/parts/complete`)).toMatchObject({ status: 404 });
});

test("parts of a file that is too large are not begun", async () => {
  const answer = await platform.call("POST", `/api/blobs/${sha256("x")}/parts`, { size: 2 ** 40 });
  expect(answer).toMatchObject({ status: 413, body: { code: "too_large" } });
});

test("70 MiB in parts arrive whole", async () => {
  const bytes = randomBytes(70 * 1024 * 1024);
  const digest = sha256(bytes);
  const { body } = await platform.call("POST", `/api/blobs/${digest}/parts`, { size: bytes.length });
  for (let n = 1; n <= body.parts; n++) {
    const piece = bytes.subarray((n - 1) * PART, n * PART);
    expect((await platform.call("PUT", `/api/blobs/${digest}/parts/${n}`, piece)).status).toBe(201);
  }
  const done = await platform.call("POST", `/api/blobs/${digest}/parts/complete`);
  expect(done).toMatchObject({ status: 201, body: { size: bytes.length } });
  const [key = ""] = (await keys("blobs/")).filter((one) => one.endsWith(digest));
  expect((await platform.store.head(key))?.size).toBe(bytes.length);
}, 60_000);

/** With headers that `fetch` would not send. */
function send(digest: string, headers: Record<string, string>, body: string | null) {
  return new Promise<{ status: number; body: { code: string } }>((resolve, reject) => {
    const url = new URL(`/api/blobs/${digest}`, platform.url);
    const outgoing = request(url, {
      method: "PUT",
      headers: { authorization: `Bearer ${platform.token}`, ...headers },
    });
    outgoing.on("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      outgoing.destroy();
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
    });
    outgoing.on("error", reject);
    if (body === null) outgoing.flushHeaders();
    else outgoing.end(body);
  });
}
