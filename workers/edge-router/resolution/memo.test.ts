import { expect, test } from "vitest";
import type { Clock } from "#core/time.ts";
import { type Ages, Memo } from "./memo.ts";

const AGES: Ages = { fresh: 250, ageing: 450, backOff: 1_000 };
const flights: Promise<unknown>[] = [];
const keepAlive = (work: Promise<unknown>) => void flights.push(work);
const landed = () => Promise.all(flights);

/** A clock that the test turns. */
function turned(): Clock & { at: number } {
  return {
    at: 0,
    now() {
      return this.at;
    },
  };
}

/** A truth that counts its readers and can be made to fail. */
function truth(value: number) {
  return {
    value,
    reads: 0,
    fails: false,
    load: async function load(this: { value: number; reads: number; fails: boolean }) {
      this.reads++;
      if (this.fails) throw new Error("down");
      return this.value;
    },
  };
}

test("many askers make one flight", async () => {
  const memo = new Memo<number>(() => AGES, 300, 10);
  const source = truth(1);
  const clock = turned();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => memo.get("k", clock, keepAlive, () => source.load())),
  );
  expect(new Set(answers)).toEqual(new Set([1]));
  expect(source.reads).toBe(1);
});

test("fresh answers without a question, ageing refreshes behind the answer, old waits for the truth", async () => {
  const memo = new Memo<number>(() => AGES, 300, 10);
  const source = truth(1);
  const clock = turned();
  const ask = () => memo.get("k", clock, keepAlive, () => source.load());
  expect(await ask()).toBe(1);
  source.value = 2;
  clock.at = 249;
  expect(await ask()).toBe(1);
  expect(source.reads).toBe(1);
  clock.at = 300;
  expect(await ask()).toBe(1);
  await landed();
  expect(source.reads).toBe(2);
  expect(await ask()).toBe(2);
  source.value = 3;
  clock.at = 10_000;
  expect(await ask()).toBe(3);
});

test("with the truth away, what is held is served, and the truth is left alone for a while", async () => {
  const memo = new Memo<number>(() => AGES, 300, 10);
  const source = truth(1);
  const clock = turned();
  const ask = () => memo.get("k", clock, keepAlive, () => source.load());
  await ask();
  source.fails = true;
  clock.at = 60_000;
  expect(await ask()).toBe(1);
  expect(await ask()).toBe(1);
  expect(source.reads).toBe(2);
  clock.at = 61_001;
  expect(await ask()).toBe(1);
  expect(source.reads).toBe(3);
});

test("cold, with the truth away or slow, the fallback answers and is not kept", async () => {
  const memo = new Memo<number>(() => AGES, 20, 10);
  const source = truth(1);
  const clock = turned();
  source.fails = true;
  const copy = async () => 7;
  expect(await memo.get("k", clock, keepAlive, () => source.load(), copy)).toBe(7);
  expect(await memo.get("slow", clock, keepAlive, () => new Promise<number>(() => undefined), copy)).toBe(7);
  source.fails = false;
  expect(await memo.get("k", clock, keepAlive, () => source.load(), copy)).toBe(1);
});

test("a lagging copy can't turn time back", async () => {
  const memo = new Memo<number>(() => AGES, 300, 10, Math.max);
  const source = truth(5);
  const clock = turned();
  const ask = () => memo.get("k", clock, keepAlive, () => source.load());
  await ask();
  source.value = 4;
  clock.at = 1_000;
  expect(await ask()).toBe(5);
});

test("a flight that never lands, since its request has ended, keeps nobody from the truth for long", async () => {
  const memo = new Memo<number>(() => AGES, 20, 10);
  const source = truth(1);
  const clock = turned();
  const ask = () => memo.get("k", clock, keepAlive, () => source.load());
  await ask();
  clock.at = 1_000;
  expect(
    await memo.get(
      "k",
      clock,
      () => undefined,
      () => new Promise<number>(() => undefined),
    ),
  ).toBe(1);
  source.value = 2;
  clock.at = 10_000;
  expect(await ask()).toBe(1);
  clock.at = 11_000;
  expect(await ask()).toBe(2);
});
