import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256, startPlatform, type TestPlatform } from "./platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

const keys = async () => (await platform.store.list({ prefix: "blobs/" })).objects.map((one) => one.key);
const rows = () => platform.db.prepare("select count(*) as n from blobs").first<number>("n");

async function send(parts: [name: string, content: string | Buffer][]) {
  const form = new FormData();
  for (const [name, content] of parts)
    form.append(name, new Blob([new Uint8Array(Buffer.from(content))]), "file");
  const message = new Response(form);
  const body = new Uint8Array(await message.arrayBuffer());
  return platform.call("PUT", "/api/blobs", body, {
    headers: { "content-type": message.headers.get("content-type") ?? "" },
  });
}

test("a pack stores each file under its digest, an empty and a repeated one too", async () => {
  const files = ["one", "two", "", randomBytes(300_000)];
  const parts = files.map((file): [string, string | Buffer] => [sha256(file), file]);
  for (let round = 0; round < 2; round++) {
    const answer = await send(parts);
    expect(answer.status).toBe(201);
    expect(answer.body.data).toEqual(
      files.map((file) => ({ sha256: sha256(file), size: Buffer.byteLength(file) })),
    );
  }
  expect(await rows()).toBe(4);
  const stored = await platform.store.get((await keys()).find((key) => key.endsWith(sha256("two"))) ?? "");
  expect(await stored?.text()).toBe("two");
});

test("one lie, and nothing of the pack is stored", async () => {
  const [before, known] = [await keys(), await rows()];
  const answer = await send([
    [sha256("honest"), "honest"],
    [sha256("promised"), "sent"],
  ]);
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "digest_mismatch", sha256: sha256("promised"), fix: expect.any(String) },
  });
  expect([await keys(), await rows()]).toEqual([before, known]);
});

test.each([
  ["a name that is no digest", [["../etc", "x"]]],
  ["no file", []],
  ["too many files", Array.from({ length: 201 }, (_, i) => [sha256(`${i}`), `${i}`])],
] as [string, [string, string][]][])("%s is refused", async (_, parts) => {
  const known = await rows();
  const answer = await send(parts);
  expect(answer.status).toBe(400);
  expect(answer.body.fix).toBeTruthy();
  expect(await rows()).toBe(known);
});

test("a body that is no form, and one that is too large", async () => {
  expect(await platform.call("PUT", "/api/blobs", "x")).toMatchObject({
    status: 400,
    body: { code: "bad_request" },
  });
  const large = await send([[sha256("a"), Buffer.alloc(9 * 1024 * 1024)]]);
  expect(large).toMatchObject({ status: 413, body: { code: "too_large" } });
});
