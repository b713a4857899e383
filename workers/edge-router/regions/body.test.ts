/** In Node, whose identity streams have workerd's names here. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Body } from "./body.ts";
import { Kept } from "./kept.ts";

beforeAll(() => {
  vi.stubGlobal("IdentityTransformStream", TransformStream);
  vi.stubGlobal(
    "FixedLengthStream",
    class extends TransformStream {
      constructor(_length: number) {
        super();
      }
    },
  );
});
afterAll(() => vi.unstubAllGlobals());

const KIB = 1024;
const clock = { now: () => 0 };

/** By pieces of 4 KiB, each of its own number. */
function request(kib: number, length?: number): Request {
  let i = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (i * 4 >= kib) return controller.close();
      controller.enqueue(new Uint8Array(4 * KIB).fill(i++));
    },
  });
  const headers = new Headers(length === undefined ? {} : { "content-length": String(length) });
  return { body, headers } as Request;
}

/** @returns The numbers of its pieces. */
async function read(stream: ReadableStream | null, pieces = Number.POSITIVE_INFINITY): Promise<number[]> {
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  const found: number[] = [];
  while (found.length < pieces) {
    const { done, value } = await reader.read();
    if (done) break;
    found.push(value[0] ?? -1);
  }
  return found;
}

const pieces = (kib: number): number[] => Array.from({ length: kib / 4 }, (_, i) => i % 256);

test.each([
  ["1 MiB", 1024, undefined, true],
  ["1 MiB, as it says", 1024, 1024 * KIB, true],
  ["more than 1 MiB", 1028, undefined, false],
  ["more than 64 KiB of what says that it is more than 1 MiB", 68, 1025 * KIB, false],
])("%s: can it be sent again?", async (_, kib, length, isWhole) => {
  const kept = new Kept(1024 * KIB);
  const body = new Body(request(kib, length), kept.shareOf(clock, 1));
  expect(await read(body.stream())).toEqual(pieces(kib));
  expect(body.isWhole).toBe(isWhole);
  if (isWhole) expect(await read(body.stream())).toEqual(pieces(kib));
  else await expect(read(body.stream())).rejects.toThrow("its beginning is gone");
});

test("where there is no room 64 KiB are kept", async () => {
  const full = new Kept(0);
  for (const [kib, isWhole] of [
    [64, true],
    [68, false],
  ] as const) {
    for (const share of [full.shareOf(clock, 1), null]) {
      const body = new Body(request(kib), share);
      expect(await read(body.stream())).toEqual(pieces(kib));
      expect(body.isWhole).toBe(isWhole);
    }
  }
});

test("what was broken off in the middle is sent from its beginning", async () => {
  const body = new Body(request(500), new Kept(1024 * KIB).shareOf(clock, 1));
  await read(body.stream(), 60);
  expect(await read(body.stream())).toEqual(pieces(500));
});

test("its room is given back when it is too large after all", async () => {
  const kept = new Kept(1024 * KIB);
  const body = new Body(request(1500), kept.shareOf(clock, 1));
  await read(body.stream(), 200);
  expect(kept.shareOf(clock, 1).take(1024 * KIB)).toBe(false);
  const again = new Kept(1024 * KIB);
  const large = new Body(request(1500), again.shareOf(clock, 1));
  expect(await read(large.stream())).toEqual(pieces(1500));
  expect(again.shareOf(clock, 1).take(1024 * KIB)).toBe(true);
});

test("its room is given back at the end, but not before the stream under way has passed what is kept", async () => {
  const kept = new Kept(1024 * KIB);
  const body = new Body(request(500), kept.shareOf(clock, 1));
  await read(body.stream());
  const second = body.stream();
  body.end();
  expect(kept.shareOf(clock, 1).take(1024 * KIB)).toBe(false);
  expect(await read(second)).toEqual(pieces(500));
  expect(kept.shareOf(clock, 1).take(1024 * KIB)).toBe(true);
});
